//! Network namespaces, links and firewall tables of ours.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Scope;
use crate::process;

/// Where namespaces are kept alive by a mount: iproute2's folder, and the host agent's.
const NAMESPACE_FOLDERS: [&str; 2] = ["/run/netns", "/run/roost/net"];

/// Namespace files, wherever below the known folders.
pub(super) fn namespaces(scope: &Scope) -> Vec<String> {
    let mut found = Vec::new();
    for folder in NAMESPACE_FOLDERS {
        super::files::walk(Path::new(folder), 3, &mut |path, metadata| {
            if metadata.is_file() && (scope.covers_path(path) || named(scope, path)) {
                found.push(path.display().to_string());
            }
        });
    }
    found
}

fn named(scope: &Scope, path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| scope.covers_name(&name.to_string_lossy()))
}

/// Links in this process's namespace, by name or alias.
pub(super) fn links(scope: &Scope) -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| {
            let alias = fs::read_to_string(format!("/sys/class/net/{name}/ifalias")).unwrap_or_default();
            scope.covers_name(name) || scope.covers_name(alias.trim())
        })
        .collect()
}

/// One entry of `nft --json list tables`.
#[derive(Deserialize)]
struct Entry {
    table: Option<Table>,
}

#[derive(Deserialize)]
struct Table {
    family: String,
    name: String,
}

#[derive(Deserialize)]
struct Tables {
    nftables: Vec<Entry>,
}

/// Tables by name. Without `nft` there cannot be any of ours.
pub(super) fn nft_tables(scope: &Scope) -> Result<Vec<String>> {
    let Some(nft) = process::find("nft") else {
        return Ok(Vec::new());
    };
    let listed = Command::new(nft)
        .args(["--json", "list", "tables"])
        .output()
        .context("cannot start nft")?;
    if !listed.status.success() {
        bail!(
            "nft cannot list its tables, which takes root: {}",
            String::from_utf8_lossy(&listed.stderr).trim()
        );
    }
    let tables: Tables =
        serde_json::from_slice(&listed.stdout).context("nft lists its tables in a new way")?;
    let tables = tables.nftables.into_iter().filter_map(|entry| entry.table);
    Ok(tables
        .filter(|table| scope.covers_name(&table.name))
        .map(|t| format!("{} {}", t.family, t.name))
        .collect())
}
