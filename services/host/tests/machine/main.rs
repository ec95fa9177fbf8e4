//! The effect ports on their real parts, with a real guest: engines, pagers, slots, drives and the snapshot store, as the
//! host agent puts them together, but driven step by step.

mod cycle;
mod pagers;
mod parts;
mod store;
mod world;
