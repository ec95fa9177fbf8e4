//! What the design says about the workspace as a whole: which crate may know which, and how large a file may grow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use xtask::repository;

/// Every package of ours, and those of ours it may depend on. Tests may reach further; they ship nowhere.
const ARROWS: [(&str, &[&str]); 29] = [
    ("roost-schemas", &[]),
    ("roost-guest", &["roost-schemas"]),
    ("roost-fuzz", &["roost-guest", "roost-schemas"]),
    ("roost-domain", &["roost-schemas"]),
    ("roost-journal", &["roost-schemas"]),
    (
        "roost-runtime",
        &["roost-schemas", "roost-domain", "roost-journal"],
    ),
    (
        "roost-sim",
        &["roost-schemas", "roost-domain", "roost-journal", "roost-runtime"],
    ),
    ("roost-fence", &["roost-schemas"]),
    ("roost-client", &[]),
    ("roost-authority", &["roost-schemas"]),
    ("roost-stack", &["roost-authority", "roost-client"]),
    ("roost-telemetry", &["roost-schemas"]),
    ("roost-jailer", &[]),
    (
        "roost-webhooks",
        &[
            "roost-schemas",
            "roost-domain",
            "roost-journal",
            "roost-runtime",
            "roost-telemetry",
        ],
    ),
    (
        "roost-ctl",
        &[
            "roost-authority",
            "roost-schemas",
            "roost-domain",
            "roost-journal",
            "roost-runtime",
            "roost-client",
            "roost-engine",
            "roost-net",
            "roost-stack",
            "roost-telemetry",
        ],
    ),
    ("roost-engine", &["roost-schemas"]),
    ("roost-dns", &[]),
    ("roost-net", &["roost-schemas", "roost-dns"]),
    ("roost-images", &["roost-schemas"]),
    ("roost-proxy", &[]),
    ("roost-edge", &["roost-schemas", "roost-runtime", "roost-proxy"]),
    ("roost-snapshots", &["roost-schemas", "roost-images"]),
    ("roost-pager", &["roost-schemas"]),
    ("roost-preload", &[]),
    ("roost-qemu", &["roost-schemas", "roost-engine"]),
    (
        "roost-gateway",
        &[
            "roost-schemas",
            "roost-domain",
            "roost-journal",
            "roost-runtime",
            "roost-proxy",
            "roost-telemetry",
        ],
    ),
    (
        "roost-reconciler",
        &[
            "roost-schemas",
            "roost-domain",
            "roost-journal",
            "roost-runtime",
            "roost-telemetry",
        ],
    ),
    (
        "roost-host",
        &[
            "roost-schemas",
            "roost-domain",
            "roost-journal",
            "roost-runtime",
            "roost-edge",
            "roost-engine",
            "roost-fence",
            "roost-net",
            "roost-images",
            "roost-pager",
            "roost-snapshots",
            "roost-telemetry",
        ],
    ),
    (
        "xtask",
        &[
            "roost-client",
            "roost-stack",
            "roost-schemas",
            "roost-journal",
            "roost-engine",
            "roost-net",
            "roost-images",
        ],
    ),
];

/// What would bring a clock, randomness, I/O or async into the pure core.
const IMPURE: [&str; 10] = [
    "tokio",
    "async-nats",
    "async-trait",
    "futures",
    "rand",
    "time",
    "jiff",
    "chrono",
    "uuid",
    "rustix",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

impl Package {
    /// What it needs outside its tests.
    fn needs(&self) -> BTreeSet<&str> {
        let shipped = self
            .dependencies
            .iter()
            .filter(|one| one.kind.as_deref() != Some("dev"));
        shipped.map(|one| one.name.as_str()).collect()
    }
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .current_dir(repository::root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn packages() -> BTreeMap<String, Package> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&metadata).unwrap();
    metadata
        .packages
        .into_iter()
        .map(|package| (package.name.clone(), package))
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let named: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let there: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(
        there, named,
        "a package is new or gone: say in ARROWS what it may know"
    );
    for (name, allowed) in ARROWS {
        let ours: BTreeSet<&str> = packages[name].needs().intersection(&named).copied().collect();
        let wrong: Vec<_> = ours.iter().filter(|one| !allowed.contains(one)).collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
}

#[test]
fn the_pure_core_stays_pure() {
    let packages = packages();
    let direct = packages["roost-domain"].needs();
    let impure: Vec<_> = IMPURE.iter().filter(|name| direct.contains(**name)).collect();
    assert!(impure.is_empty(), "roost-domain must not depend on {impure:?}");
    for package in ["roost-schemas", "roost-domain"] {
        let tree = cargo(&[
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        for runtime in ["tokio", "futures-util", "hyper"] {
            assert!(!names.contains(runtime), "{package} brings in {runtime}");
        }
    }
}

/// Text files of the repository, without what is built or generated.
fn texts(wanted: &dyn Fn(&Path) -> bool) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![repository::root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let skipped = matches!(entry.file_name().to_str(), Some("target" | ".git" | "generated"));
            if kind.is_dir() && !skipped {
                folders.push(path);
            } else if kind.is_file() && wanted(&path) {
                found.extend(fs::read_to_string(&path).ok().map(|text| (path, text)));
            }
        }
    }
    found
}

#[test]
fn files_stay_small() {
    let rust = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    let mut sizes: Vec<(usize, PathBuf)> = texts(&rust)
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    sizes.sort();
    assert!(sizes.len() > 50, "only {} files were found", sizes.len());
    let at = |percent: usize| sizes[sizes.len() * percent / 100].0;
    assert!(
        at(50) <= 150,
        "the median file has {} lines, at most 150 are wanted",
        at(50)
    );
    assert!(
        at(90) <= 400,
        "the 90th percentile has {} lines, at most 400 are wanted",
        at(90)
    );
    let (largest, path) = &sizes[sizes.len() - 1];
    assert!(
        *largest <= 600,
        "{} has {largest} lines: split it",
        path.display()
    );
}

#[test]
fn nothing_names_a_place_of_one_machine() {
    // Put together here, so that this file does not name them.
    let places = [["/wo", "rk/"].concat(), ["/opt/", "wheels"].concat()];
    for (path, text) in texts(&|_| true) {
        for place in &places {
            assert!(!text.contains(place), "{} names {place}", path.display());
        }
    }
}
