//! What can be told without running anything of ours.

use anyhow::{Result, bail};
use tokio::process::Command;

use super::Report;
use crate::process::{self, Stream};
use crate::{build, ui};

/// Formatting, lints, and the dependencies' licences and advisories.
pub(super) async fn all(report: &mut Report) -> Result<()> {
    report.note(
        "rustfmt",
        check("rustfmt", cargo(&["fmt", "--all", "--check"])).await,
    );
    let clippy = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--features",
        "xtask/e2e,roost-sim/bugs",
        "--locked",
    ];
    let mut clippy = cargo(&clippy);
    clippy.args(["--", "--deny", "warnings"]);
    report.note("clippy", check("clippy", clippy).await);
    if process::find("cargo-deny").is_some() {
        deny(report).await;
    } else {
        println!("  NOT CHECKED: licences and advisories, because cargo-deny is not installed");
    }
    Ok(())
}

async fn deny(report: &mut Report) {
    let offline = ["deny", "--locked", "check", "licenses", "bans", "sources"];
    report.note(
        "cargo-deny: licences, bans, sources",
        check("licences, bans, sources", cargo(&offline)).await,
    );
    // The advisories come from a database that a machine without the internet cannot fetch; that is no finding.
    if process::run(&mut cargo(&["deny", "--locked", "fetch", "db"]))
        .await
        .is_err()
    {
        println!("  NOT CHECKED: advisories, because their database cannot be fetched");
        return;
    }
    report.note(
        "cargo-deny: advisories",
        check("advisories", cargo(&["deny", "--locked", "check", "advisories"])).await,
    );
}

fn cargo(args: &[&str]) -> Command {
    let mut command = build::command();
    command.args(args);
    command
}

async fn check(what: &str, mut command: Command) -> Result<()> {
    ui::step(what, async {
        let mut said = String::new();
        let status = process::run_lines(&mut command, Stream::Err, |line| {
            said.push_str(line);
            said.push('\n');
        })
        .await?;
        if !status.success() {
            bail!("{} ({status})\n{said}", process::describe(&command));
        }
        Ok(())
    })
    .await
}
