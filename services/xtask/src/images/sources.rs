//! This machine's apt sources, for a template of the same distribution.
//!
//! They name the mirror this machine can reach; third parties' archives, listed beside them, stay out of the images.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Debian's archives of a release, besides the release itself.
const SUFFIXES: [&str; 3] = ["", "-updates", "-security"];
/// The component every Debian archive has, and few others do.
const COMPONENT: &str = "main";

/// Writes the sources of `suite` found below `etc` (such as `/etc/apt`) to files in `folder`, one per format.
///
/// None at all on a machine that runs something else; mmdebstrap then knows where to look by itself.
pub(super) fn collect(etc: &Path, suite: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut lines, mut stanzas) = (String::new(), String::new());
    for path in listed(etc) {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if path.extension().is_some_and(|extension| extension == "sources") {
            stanzas.extend(deb822(&text, suite));
        } else {
            lines.extend(one_line(&text, suite));
        }
    }
    let mut files = Vec::new();
    for (name, text) in [("machine.list", lines), ("machine.sources", stanzas)] {
        if !text.is_empty() {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            files.push(path);
        }
    }
    Ok(files)
}

fn listed(etc: &Path) -> Vec<PathBuf> {
    let parts = fs::read_dir(etc.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = parts
        .chain([etc.join("sources.list")])
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "list" || extension == "sources")
        })
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
}

fn is_of(suite: &str, word: &str) -> bool {
    word.strip_prefix(suite)
        .is_some_and(|suffix| SUFFIXES.contains(&suffix))
}

/// `deb [options] uri suite component…`, see sources.list(5).
fn one_line<'a>(text: &'a str, suite: &'a str) -> impl Iterator<Item = String> + 'a {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with("deb "))
        .filter_map(move |line| {
            let bare = match line.split_once('[') {
                Some((_, rest)) => rest.split_once(']')?.1,
                None => line.strip_prefix("deb")?,
            };
            let mut words = bare.split_whitespace().skip(1);
            (is_of(suite, words.next()?) && words.any(|word| word == COMPONENT)).then(|| format!("{line}\n"))
        })
}

/// Stanzas of `Field: value` lines, separated by empty ones.
fn deb822<'a>(text: &'a str, suite: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split("\n\n").filter_map(move |stanza| {
        let lines: Vec<&str> = stanza.lines().filter(|line| !line.starts_with('#')).collect();
        let field = |name: &str| {
            lines.iter().find_map(|line| {
                let (field, value) = line.split_once(':')?;
                field.eq_ignore_ascii_case(name).then_some(value)
            })
        };
        let wanted = field("Types")?.split_whitespace().any(|word| word == "deb")
            && field("Suites")?.split_whitespace().all(|word| is_of(suite, word))
            && field("Components")?
                .split_whitespace()
                .any(|word| word == COMPONENT)
            && field("Enabled").is_none_or(|value| value.trim() != "no");
        wanted.then(|| lines.join("\n").trim().to_owned() + "\n\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_release_are_taken_and_others_left() {
        let text = "deb [signed-by=/k.gpg arch=amd64] http://mirror.test/debian bookworm main contrib\n\
            # deb http://mirror.test/debian bookworm main\n\
            deb http://mirror.test/debian bookworm-security main\n\
            deb http://mirror.test/debian bookworm-backports main\n\
            deb-src http://mirror.test/debian bookworm main\n\
            deb http://vendor.test/debian bookworm stable\n\
            deb http://mirror.test/debian trixie main\n";
        let taken: Vec<String> = one_line(text, "bookworm").collect();
        assert_eq!(taken.len(), 2, "{taken:?}");
        assert!(taken[0].starts_with("deb [signed-by") && taken[1].contains("-security"));
    }

    #[test]
    fn stanzas_of_the_release_are_taken_and_others_left() {
        let text = "Types: deb\n# a remark\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n\
            Components: main\nSigned-By: /k.gpg\n\n\
            Types: deb\nURIs: http://vendor.test\nSuites: nodistro\nComponents: main\n\n\
            Types: deb\nURIs: http://off.test\nSuites: bookworm\nComponents: main\nEnabled: no\n";
        let taken: Vec<String> = deb822(text, "bookworm").collect();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert!(taken[0].contains("Signed-By") && !taken[0].contains("remark"));
    }

    #[test]
    fn a_machine_of_another_kind_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            collect(&folder.path().join("missing"), "bookworm", folder.path())
                .unwrap()
                .is_empty()
        );
    }
}
