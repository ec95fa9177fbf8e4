//! Where things are kept on this machine.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// What is expensive to make and safe to delete, images and downloaded tools: `$ROOST_CACHE`, else
/// `$XDG_CACHE_HOME/roost`, else `~/.cache/roost`. Not created here.
pub fn cache() -> Result<PathBuf> {
    named("ROOST_CACHE")
        .or_else(|| Some(named("XDG_CACHE_HOME")?.join("roost")))
        .or_else(|| Some(named("HOME")?.join(".cache/roost")))
        .context("no folder for cached images: set ROOST_CACHE to one, since neither XDG_CACHE_HOME nor HOME is set")
}

/// Where `up` keeps its state: `$XDG_STATE_HOME/roost`, else `~/.local/state/roost`.
pub fn state() -> Result<PathBuf> {
    named("XDG_STATE_HOME")
        .map(|dir| dir.join("roost"))
        .or_else(|| Some(named("HOME")?.join(".local/state/roost")))
        .context("no folder for the state: pass --state DIR, since neither XDG_STATE_HOME nor HOME is set")
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
