//! The link's other end: in another slot it may be another one.

use std::io;

use futures::TryStreamExt;
use rtnetlink::packet_route::neighbour::NeighbourState;
use thiserror::Error;

/// What the kernel knows of neighbours cannot be forgotten.
#[derive(Debug, Error)]
pub(super) enum NeighboursError {
    #[error("no netlink socket: {0}")]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Netlink(#[from] rtnetlink::Error),
}

/// Has the kernel ask anew for every address it has learned; entries that somebody made by hand stay.
pub(super) async fn forget() -> Result<(), NeighboursError> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    let mut entries = handle.neighbours().get().execute();
    let mut learned = Vec::new();
    while let Some(entry) = entries.try_next().await? {
        if !matches!(
            entry.header.state,
            NeighbourState::Noarp | NeighbourState::Permanent
        ) {
            learned.push(entry);
        }
    }
    for entry in learned {
        match handle.neighbours().del(entry).execute().await {
            // It has gone by itself.
            Err(rtnetlink::Error::NetlinkError(error)) if error.to_io().kind() == io::ErrorKind::NotFound => {
            }
            done => done?,
        }
    }
    Ok(())
}
