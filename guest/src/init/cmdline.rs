//! What the host says on the kernel's command line.

use std::fs;

use super::report;
use crate::names::Hostname;

/// Our part of the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cmdline {
    /// `roost.hostname=`: the guest's name, which is the sandbox's id.
    pub(crate) hostname: Option<Hostname>,
    /// `roost.mmds=1`: there is a metadata service.
    pub(crate) metadata: bool,
}

/// Reads the command line of the running kernel.
pub(crate) fn read() -> Cmdline {
    let text = fs::read_to_string("/proc/cmdline");
    let cmdline = text.as_deref().map(parse).unwrap_or_default();
    report("read the command line", text);
    cmdline
}

/// Finds our words; the last of a kind counts, and a name no host may have is ignored.
fn parse(text: &str) -> Cmdline {
    let mut cmdline = Cmdline::default();
    for word in text.split_ascii_whitespace() {
        if let Some(name) = word.strip_prefix("roost.hostname=")
            && let Ok(name) = Hostname::try_from(name.to_owned())
        {
            cmdline.hostname = Some(name);
        }
        if let Some(value) = word.strip_prefix("roost.mmds=") {
            cmdline.metadata = value == "1";
        }
    }
    cmdline
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostname(text: &str) -> Option<String> {
        parse(text).hostname.map(|name| name.to_string())
    }

    #[test]
    fn finds_the_hostname_among_the_kernels_words() {
        let text = "console=ttyS0 reboot=k panic=1 quiet lpj=4000000 roost.hostname=i4xk2 loglevel=3\n";
        assert_eq!(hostname(text).as_deref(), Some("i4xk2"));
    }

    #[test]
    fn the_last_hostname_counts() {
        assert_eq!(
            hostname("roost.hostname=a roost.hostname=b").as_deref(),
            Some("b")
        );
    }

    #[test]
    fn there_are_metadata_only_where_it_says_so() {
        assert!(parse("quiet roost.mmds=1").metadata);
        for without in [
            "",
            "quiet",
            "roost.mmds=0",
            "roost.mmds=1 roost.mmds=",
            "xroost.mmds=1",
        ] {
            assert!(!parse(without).metadata, "{without:?}");
        }
    }

    #[test]
    fn a_name_no_host_may_have_is_ignored() {
        for text in ["", "roost.hostname=", "roost.hostname=a/b"] {
            assert_eq!(hostname(text), None, "{text:?}");
        }
    }
}
