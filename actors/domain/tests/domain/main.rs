//! The pure core, asked everything and told everything.

mod fleet;
mod host_and_template;
mod limits;
mod placement;
mod reconcile;
mod rejections;
mod sandbox;
mod support;
mod tenant;
mod webhook;
