//! What must be there for us and for QEMU: programs, the folders of their libraries, QEMU's firmware.

use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Has the dynamic loader list what it would load instead of running the program, as `ldd(1)` does (ld.so(8)).
const LIST: &str = "LD_TRACE_LOADED_OBJECTS";

/// Where the loader finds libraries without looking into every folder; not every system has it.
const LOADER_CACHE: &str = "/etc/ld.so.cache";

/// Files and folders, none of them in another, under the names by which they are opened. Our own program is none of them.
pub fn needed(qemu: &Path) -> Result<Vec<PathBuf>> {
    let qemu = find(qemu).with_context(|| format!("cannot find {}; install it", qemu.display()))?;
    let own = env::current_exe().context("cannot tell where this program is")?;
    let mut folders = BTreeSet::new();
    for program in [&qemu, &own] {
        for library in libraries(&say(Command::new(program).env(LIST, "1"))?) {
            // The loader's own name is a link into another folder.
            folders.extend(library.parent().map(fs::canonicalize).transpose()?);
            folders.extend(fs::canonicalize(&library)?.parent().map(Path::to_owned));
        }
    }
    let data = say(Command::new(&qemu).args(["-L", "help"]))?;
    // Some of them are for machines that this system does not have.
    folders.extend(data.lines().filter_map(|line| fs::canonicalize(line).ok()));
    let inside = |one: &PathBuf| folders.iter().any(|other| one != other && one.starts_with(other));
    let outermost = folders.iter().filter(|one| !inside(one)).cloned();
    let cache = PathBuf::from(LOADER_CACHE);
    Ok([qemu]
        .into_iter()
        .chain(cache.is_file().then_some(cache))
        .chain(outermost)
        .collect())
}

/// A program by its path, or on `PATH` when it is a bare name.
fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn say(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!("{} ended with {}", program.display(), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The paths in `libc.so.6 => /lib/libc.so.6 (0x7f…)` and `/lib64/ld-linux-x86-64.so.2 (0x7f…)`.
fn libraries(listed: &str) -> Vec<PathBuf> {
    let words = listed.split_whitespace();
    words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_the_loader_lists() {
        let listed =
            "\tlinux-vdso.so.1 (0x7ffd)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x7f1)\n\t/lib64/ld.so.2 (0x7f2)\n";
        let expected = ["/lib/x/libc.so.6", "/lib64/ld.so.2"].map(PathBuf::from);
        assert_eq!(libraries(listed), expected);
    }
}
