//! Slots on real namespaces, one namespace per test standing in for the machine.

mod common;
mod jailed;
mod lifecycle;
mod metadata;
mod names;
mod policy;
mod spoofing;
mod traffic;
