//! From the kernel's events to E2B's.

use std::path::Path;

use roost_schemas::envd::filesystem::{EntryInfo, EventType, FilesystemEvent};
use rustix::fs::inotify::{ReadFlags, WatchFlags};

/// What is asked of the kernel about every watched directory.
pub(super) const MASK: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What E2B calls a kernel event: a move away is a rename, a move here a creation.
pub(super) fn kind(flags: ReadFlags) -> Option<EventType> {
    [
        (
            ReadFlags::CREATE.union(ReadFlags::MOVED_TO),
            EventType::EVENT_TYPE_CREATE,
        ),
        (
            ReadFlags::MOVED_FROM.union(ReadFlags::MOVE_SELF),
            EventType::EVENT_TYPE_RENAME,
        ),
        (ReadFlags::ATTRIB, EventType::EVENT_TYPE_CHMOD),
        (ReadFlags::MODIFY, EventType::EVENT_TYPE_WRITE),
        (
            ReadFlags::DELETE.union(ReadFlags::DELETE_SELF),
            EventType::EVENT_TYPE_REMOVE,
        ),
    ]
    .into_iter()
    .find_map(|(any, kind)| flags.intersects(any).then_some(kind))
}

/// Whether an event of this kind can carry its entry: after a removal or a rename the path may name another one.
pub(super) fn has_entry(kind: EventType) -> bool {
    matches!(
        kind,
        EventType::EVENT_TYPE_CREATE | EventType::EVENT_TYPE_WRITE | EventType::EVENT_TYPE_CHMOD
    )
}

/// The event for `name`, relative to the watched directory, which is `.` itself.
pub(super) fn event(name: &Path, kind: EventType, entry: Option<EntryInfo>) -> FilesystemEvent {
    let name = if name.as_os_str().is_empty() {
        Path::new(".")
    } else {
        name
    };
    FilesystemEvent {
        name: name.to_string_lossy().into_owned(),
        r#type: kind.into(),
        entry: entry.into(),
    }
}
