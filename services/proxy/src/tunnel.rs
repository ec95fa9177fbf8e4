//! Two upgraded connections as one: bytes both ways, each direction ending by itself.

use std::io;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::lease::Lease;

/// Bytes held for each direction.
const WINDOW: usize = 16 * 1024;

/// Joins the two until both directions have ended, one breaks, or the lease ends.
pub(crate) fn join(client: OnUpgrade, server: OnUpgrade, lease: Lease) {
    tokio::spawn(async move {
        let copied = async {
            // The client's side is there once it has read the 101.
            let (client, server) = tokio::try_join!(client, server).map_err(io::Error::other)?;
            let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
            tokio::io::copy_bidirectional_with_sizes(&mut client, &mut server, WINDOW, WINDOW).await
        };
        // However it ends, both connections end with it; there is nobody left to tell.
        tokio::select! {
            _ = copied => {}
            () = lease.ended() => {}
        }
    });
}
