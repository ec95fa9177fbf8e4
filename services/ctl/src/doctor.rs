//! `roost doctor`: whether this machine can be a host.
//!
//! Each check does what a host would do, or looks at what it would find, and changes nothing; what fails comes with what
//! to do about it. `/proc`, `/sys` and `/dev` are read below a root that tests choose.

mod cgroups;
mod clock;
mod disk;
mod engine;
mod faults;
mod finding;
mod kernel;
mod limits;
mod log;
mod machine;
mod memory;
mod network;
mod versions;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use roost_journal::jetstream::Access;
use roost_stack::places;

use crate::output::{Cell, Output, Table};
use finding::{Finding, Verdict};
use machine::Machine;

/// Looks whether this machine can be a host, and says how to mend what is not as it should be.
///
/// It changes nothing. Run it as root; with --nats it also tries the server that the host would use.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Where a host would keep its state; by default where `roost up` does
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The nats-server that a host would use, such as `nats://127.0.0.1:4222`; by default none is asked
    #[arg(long, value_name = "URL")]
    nats: Option<String>,
    #[command(flatten)]
    access: Access,
}

impl Doctor {
    /// Runs every check. Fails if a host could not work here; what would only be worse than it could be is told.
    pub(crate) async fn run(self, json: bool) -> Result<ExitCode> {
        let findings = self.examine(&Machine::this()).await?;
        Output::new(json).print(&findings, |to| write(&findings, to))?;
        let fails = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
        Ok(if fails {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    async fn examine(&self, machine: &Machine) -> Result<Vec<Finding>> {
        let state = match &self.state {
            Some(state) => state.clone(),
            None => places::state()?,
        };
        let mut findings = vec![
            kernel::check(machine),
            limits::rights(),
            engine::virtualization(),
            engine::check().await,
            faults::check(machine),
            cgroups::check(machine),
            network::rules().await,
            network::devices(machine),
            network::forwarding(machine),
            disk::check(&state),
            memory::size(machine),
            memory::sharing(machine),
            limits::descriptors(),
            clock::source(machine),
            clock::set(machine),
        ];
        findings.push(versions::daemons().await);
        match &self.nats {
            Some(url) => findings.extend(log::check(url, &self.access).await),
            None => findings.push(versions::nats_server().await),
        }
        Ok(findings)
    }
}

fn write(findings: &[Finding], to: &mut dyn Write) -> std::io::Result<()> {
    let mut table = Table::new(["CHECK", "", "FOUND"]);
    for Finding {
        check,
        verdict,
        found,
        ..
    } in findings
    {
        let word = Cell::new(verdict.as_str()).styled(verdict.style());
        table.row([check.into(), word, found.into()]);
    }
    table.write(to)?;
    for finding in findings {
        if let Some(remedy) = &finding.remedy {
            let style = finding.verdict.style();
            writeln!(to, "\n{style}{}{style:#}: {remedy}", finding.check)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_remedy_below_the_table() {
        let findings = [
            Finding::ok("kernel", "6.1"),
            Finding::fail("disk", "1 MiB free", "free some"),
        ];
        let mut bytes = Vec::new();
        write(&findings, &mut anstream::StripStream::new(&mut bytes)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with("\ndisk: free some\n"), "{text}");
        assert!(text.contains("kernel  ok"), "{text}");
    }

    #[tokio::test]
    async fn an_empty_machine_fails_every_check_that_reads_it_and_none_panics() {
        let root = tempfile::tempdir().unwrap();
        let doctor = Doctor {
            state: Some(root.path().to_owned()),
            nats: None,
            access: Access::default(),
        };
        let findings = doctor.examine(&Machine::below(root.path())).await.unwrap();
        for check in ["kernel", "userfaultfd", "cgroups", "tap and namespaces", "memory"] {
            let found = findings.iter().find(|finding| finding.check == check).unwrap();
            assert_eq!(found.verdict, Verdict::Fail, "{check}: {}", found.found);
            assert!(found.remedy.is_some(), "{check}");
        }
    }
}
