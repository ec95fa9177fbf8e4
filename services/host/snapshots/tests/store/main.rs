//! The snapshot store on a real file system: what goes in comes out, whatever happens to it in between.

mod compact;
mod damage;
mod disk;
mod drafts;
mod full;
mod model;
mod seal;
mod stage;
mod sweep;
