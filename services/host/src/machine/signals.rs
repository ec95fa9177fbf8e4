//! Signals by the words that envd tells them with.

/// The number behind an end's status such as `signal: killed`; nothing if it tells of no signal.
pub(super) fn number(status: &str) -> Option<i32> {
    let words = status.strip_prefix("signal: ")?;
    let words = words.strip_suffix(" (core dumped)").unwrap_or(words);
    Some(match words {
        "hangup" => 1,
        "interrupt" => 2,
        "quit" => 3,
        "illegal instruction" => 4,
        "trace/breakpoint trap" => 5,
        "aborted" => 6,
        "bus error" => 7,
        "floating point exception" => 8,
        "killed" => 9,
        "user defined signal 1" => 10,
        "segmentation fault" => 11,
        "user defined signal 2" => 12,
        "broken pipe" => 13,
        "alarm clock" => 14,
        "terminated" => 15,
        other => other.strip_prefix("signal ")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_words_unknown_numbers_and_other_ends() {
        assert_eq!(super::number("signal: killed"), Some(9));
        assert_eq!(
            super::number("signal: segmentation fault (core dumped)"),
            Some(11)
        );
        assert_eq!(super::number("signal: signal 34"), Some(34));
        assert_eq!(super::number("exit status 1"), None);
        assert_eq!(super::number("signal: of the times"), None);
    }
}
