//! Every figure that a daemon tells is in the operators' list, and the list has no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands before a figure's name where it is told. `tell` is the fleet's own short form.
const TOLD: [&str; 4] = ["counter!(", "gauge!(", "histogram!(", "tell("];
/// Where daemons' code is.
const CODE: [&str; 2] = ["actors", "services"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// The names that begin with `roost_` right behind one of `marks` in `text`.
fn names(text: &str, marks: &[&str]) -> BTreeSet<String> {
    let behind = |mark: &&str| text.split(*mark).skip(1).map(str::trim_start).collect::<Vec<_>>();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let name = |rest: &str| {
        let rest = rest.trim_start_matches('"');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        rest[..end].to_owned()
    };
    let all = marks.iter().flat_map(behind).map(name);
    all.filter(|name| name.starts_with("roost_")).collect()
}

fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        // Tests count what they like.
        if path.is_dir() && entry.file_name() != "tests" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_operators_list_is_whole_and_true() {
    let mut code = String::new();
    for folder in CODE {
        sources(&root().join(folder), &mut code);
    }
    let told = names(&code, &TOLD);
    assert!(told.len() > 20, "only {told:?} were found");
    let list = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, list) = list.split_once("| figure |").unwrap();
    let (list, _) = list.split_once("No label").unwrap();
    let listed = names(list, &["`"]);
    assert_eq!(
        told, listed,
        "docs/operations.md lists the figures that daemons tell"
    );
}
