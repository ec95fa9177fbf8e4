//! Every figure that a daemon tells is in the operators' list, and the list has no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where daemons' code is.
const CODE: [&str; 2] = ["actors", "services"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// What stands in `text` between two of `quote` and is a figure's name.
fn names(text: &str, quote: char) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(quote)
        .filter(|part| part.starts_with("roost_") && part.chars().all(is_part))
        .collect()
}

/// Adds the code of the daemons below `folder`: what tests count, and what is told when something is built, is no figure.
fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "build.rs" {
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
    let told = names(&code, '"');
    assert!(told.len() > 20, "only {told:?} were found");
    let list = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, list) = list.split_once("| figure |").unwrap();
    let (list, _) = list.split_once("No label").unwrap();
    assert_eq!(
        told,
        names(list, '`'),
        "docs/operations.md lists the figures that daemons tell"
    );
}
