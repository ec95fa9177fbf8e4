//! The programs and images that these tests take, which are built elsewhere.

use std::path::{Path, PathBuf};

/// A program of this workspace, beside this test's own folder.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{} is not there: build it with `cargo build -p {name}`, or run `cargo xtask test`",
        program.display()
    );
    program
}

/// Where `cargo xtask images` puts the images.
pub(crate) fn images() -> PathBuf {
    let named = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let cache = named("ROOST_CACHE")
        .or_else(|| Some(named("XDG_CACHE_HOME")?.join("roost")))
        .or_else(|| Some(named("HOME")?.join(".cache/roost")));
    let folder = cache.expect("HOME is set").join("images");
    assert!(
        folder.join("manifest.json").is_file(),
        "no images in {}: run `cargo xtask images`",
        folder.display()
    );
    folder
}
