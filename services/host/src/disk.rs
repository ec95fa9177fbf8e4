//! Disks: the images that sandboxes start from, and the drive each of them writes to.
//!
//! A template's image is shared by all its sandboxes and never written; a sandbox writes to a drive of its own, a sparse
//! copy of an empty file system, which the guest lays over the image. So creating a sandbox copies a few kilobytes.
//!
//! Everything here blocks, and is short except for the first use of an image, whose bytes are all read once.

mod drives;
mod image;
mod images;

pub use drives::{DriveError, DriveStore};
pub use image::ImageError;
pub use images::{Images, Template};
