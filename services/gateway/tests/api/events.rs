//! Event streams: everything once and in order, in each form, for those who may see it; and readers that misbehave.

mod bad;
mod pages;
mod reader;
mod restart;
mod service;
mod slow;
mod socket;
mod sse;
mod whose;
