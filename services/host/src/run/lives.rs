//! The lives of this host's agent, as its state folder remembers them.
//!
//! Only one agent at a time has the folder, so every life that stands here is over but the last. What an earlier one held of
//! the lease is taken without waiting; without the file, a start waits until that lease is over.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use roost_schemas::LifeId;

/// How many lives are remembered. The lease names one that got as far as taking it, which is among the last few.
const REMEMBERED: usize = 32;

/// Begins a life; answers it, and those before it.
pub(super) fn begin(state: &Path) -> Result<(LifeId, BTreeSet<LifeId>)> {
    let path = state.join("lives");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    // A line that is none was cut by a crash of the machine.
    let before: Vec<LifeId> = text.lines().filter_map(|line| LifeId::new(line).ok()).collect();
    let life = LifeId::random();
    let kept = &before[before.len().saturating_sub(REMEMBERED)..];
    let remembered: Vec<&str> = kept.iter().chain([&life]).map(LifeId::as_str).collect();
    let partial = path.with_extension("partial");
    fs::write(&partial, remembered.join("\n"))
        .and_then(|()| fs::rename(&partial, &path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok((life, before.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_knows_those_before_it() {
        let state = tempfile::tempdir().unwrap();
        let (first, none) = begin(state.path()).unwrap();
        assert!(none.is_empty());
        let (second, before) = begin(state.path()).unwrap();
        assert_eq!(before, BTreeSet::from([first]));
        for _ in 0..2 * REMEMBERED {
            begin(state.path()).unwrap();
        }
        let (_, before) = begin(state.path()).unwrap();
        assert!(before.len() == REMEMBERED + 1 && !before.contains(&second));
    }

    #[test]
    fn a_line_that_was_cut_is_no_life() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join("lives"), "abc\n\0\0").unwrap();
        let (_, before) = begin(state.path()).unwrap();
        assert_eq!(before, BTreeSet::from([LifeId::new("abc").unwrap()]));
    }
}
