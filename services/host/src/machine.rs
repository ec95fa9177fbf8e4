//! This machine as the actors see it: each effect port on its real part.

mod disks;
mod engines;
mod fence;
pub(crate) mod figures;
mod guests;
mod hardware;
mod signals;
mod slots;
mod snapshots;

pub use disks::RealDisks;
pub use engines::{Candidates, EngineChoice, Jails, NoEngine, RealEngines, Supply, Wanted};
pub use fence::RealFence;
pub use guests::RealGuests;
pub use hardware::hardware;
pub use slots::RealSlots;
pub use snapshots::RealSnapshots;
