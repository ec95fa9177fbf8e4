//! Drives the real pager with a real userfaultfd: the test, or a process that it starts, is the engine.

#![allow(
    unsafe_code,
    reason = "memory whose pages another process puts in place is read by address"
)]

mod control;
mod death;
mod exact;
mod handshake;
mod races;
mod removed;
mod support;
mod thrift;
mod working_set;
