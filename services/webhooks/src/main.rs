//! `roost-webhooks`: tells tenants what happens to their sandboxes, in order, until they have heard it.

fn main() {}
