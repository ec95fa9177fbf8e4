//! Killing a command with everything it started.

use std::fs;

use nix::sys::signal::{Signal, kill as signal, killpg};
use nix::unistd::Pid;

/// A process may fork while it is being looked for; a session that outruns this many passes is a fork bomb.
const PASSES: usize = 16;

/// Kills every process of the session that `leader` began, whatever groups a shell made inside it.
pub(in crate::agent) fn kill(leader: u32) {
    let Ok(raw) = i32::try_from(leader) else { return };
    let _ = killpg(Pid::from_raw(raw), Signal::SIGKILL);
    for _ in 0..PASSES {
        let members = living_members(raw);
        if members.is_empty() {
            return;
        }
        for member in members {
            let _ = signal(Pid::from_raw(member), Signal::SIGKILL);
        }
    }
}

fn living_members(session: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            parse_stat(&stat).is_some_and(|(state, of)| of == session && state != "Z")
        })
        .collect()
}

/// State and session of a process: `pid (name) state ppid pgrp session …`, see proc(5). The name may hold anything.
fn parse_stat(text: &str) -> Option<(&str, i32)> {
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    Some((state, fields.nth(2)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        assert_eq!(
            parse_stat("42 (a) R (b) c) S 1 42 40 0 -1 4194560"),
            Some(("S", 40))
        );
        assert_eq!(parse_stat("42 (sleep) Z 1 42 42 0"), Some(("Z", 42)));
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn we_are_a_member_of_our_own_session() {
        let session = nix::unistd::getsid(None).unwrap().as_raw();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(living_members(session).contains(&own));
    }
}
