//! The operating system's side: namespaces, links, TAPs, settings, packet filter. Everything here blocks.

pub(crate) mod links;
pub(crate) mod netns;
pub(crate) mod nft;
pub(crate) mod settings;
pub mod tap;
pub(crate) mod thread;
