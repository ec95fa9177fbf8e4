//! The `roost-pager` command.

fn main() {}
