//! The snapshot store of one host: immutable folders, sealed whole or not there.
//!
//! ```text
//!   draft ──(the engine dumps state and memory)──▶ collect ──▶ seal ──▶ sealed ──▶ open, restore_drive, compact
//!     .draft-<id>                                   drive       memory,   <id>         │ damaged: <id>/quarantined
//!     └─── discard, or any failure: removed                     fsync, rename          └─ sweep ──▶ .trash-<id>, removed
//! ```
//!
//! A snapshot stores the pages that its parent has not, and its manifests say of every page where it stands, so that what
//! it is made of is found without its parent (see [`roost_schemas::snapshot`]). Nothing is used before every byte of it
//! has been compared with its digest; a file that has not changed since is not read again while the host lives.
//!
//! Everything here blocks.

mod capture;
mod check;
mod compact;
mod content;
mod drive;
mod error;
mod file;
mod generation;
mod loaded;
mod pin;
mod publish;
mod root;
mod seal;
mod store;
mod sweep;
mod verified;
mod words;

pub use error::{Damage, StoreError};
pub use pin::Pin;
pub use store::Store;
pub use words::{About, Draft, Dump, Opened, Sealed, Swept};
