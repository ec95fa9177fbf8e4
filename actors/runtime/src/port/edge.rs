//! The edge: where clients' requests for what runs in a guest come in.

use std::net::IpAddr;

use roost_schemas::Owner;

/// This host's edge.
pub trait Edge: Send + Sync + 'static {
    /// Lets requests for the sandbox of `owner` through to the guest at `address`; in place of an older generation.
    fn open(&self, owner: &Owner, address: IpAddr);
    /// Refuses them from now on, and breaks off those under way; does nothing for an owner that is not open.
    fn close(&self, owner: &Owner);
}
