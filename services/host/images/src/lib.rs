//! What an images folder holds: its manifest, and the sparse files that the manifest names.
//!
//! `cargo xtask images` writes such a folder, the host agent reads it. The recipes are in
//! `images/`.

mod digest;
mod manifest;
pub mod sparse;

pub use digest::Digest;
pub use manifest::{FileName, Image, Kernel, Manifest, TemplateEntry, VERSION, Versioned};
