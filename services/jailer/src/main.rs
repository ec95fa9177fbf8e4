//! `roost-jailer`: puts one engine into a place of its own, and becomes it.

fn main() {}
