//! Places where a test may end the process as `kill -9` does: between any two steps of a pause, a restore, a snapshot.

/// Names a file. Whoever writes a place into it has a debug build abort there, once: the file is removed first, so that
/// the process that comes after goes on.
pub const VARIABLE: &str = "ROOST_CRASH_AT";

/// Every place, in the order in which a sandbox comes by.
pub const POINTS: [&str; 29] = [
    "pause.begun",
    "pause.quiesced",
    "pause.stopped",
    "pause.drafted",
    "pause.dumped",
    "pause.collected",
    "pause.sealed",
    "pause.told",
    "pause.freed",
    "restore.begun",
    "restore.opened",
    "restore.claimed",
    "restore.drive",
    "restore.loaded",
    "restore.resumed",
    "restore.greeted",
    "restore.applied",
    "restore.opened_edge",
    "restore.told",
    "snapshot.begun",
    "snapshot.quiesced",
    "snapshot.stopped",
    "snapshot.drafted",
    "snapshot.dumped",
    "snapshot.collected",
    "snapshot.resumed",
    "snapshot.woken",
    "snapshot.sealed",
    "snapshot.told",
];

/// Aborts if the file that [`VARIABLE`] names has this place in it; never in a release.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) {
    use std::ffi::OsString;
    use std::fs;
    use std::sync::LazyLock;
    static FILE: LazyLock<Option<OsString>> = LazyLock::new(|| std::env::var_os(VARIABLE));
    debug_assert!(POINTS.contains(&name), "{name} is not in the list");
    let Some(file) = &*FILE else { return };
    if fs::read_to_string(file).is_ok_and(|place| place == name) && fs::remove_file(file).is_ok() {
        std::process::abort();
    }
}

/// Aborts if the file that [`VARIABLE`] names has this place in it; never in a release.
#[cfg(not(debug_assertions))]
pub fn point(_name: &'static str) {}
