//! [`Leases`] on the stream `LEASES`, which keeps the last record of each host.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_trait::async_trait;
use roost_schemas::HostId;
use roost_schemas::lease::{ALL_LEASES, Lease};

use super::direct;
use super::link::Link;
use super::streams::LEASES;
use crate::port::{Found, LeaseError, Leases, Version, Written};

/// The leases in JetStream; clones share the connection.
#[derive(Debug, Clone)]
pub struct JetStreamLeases {
    link: Arc<Link>,
}

impl JetStreamLeases {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

#[async_trait]
impl Leases for JetStreamLeases {
    async fn read(&self, host: &HostId) -> Result<Option<Found>, LeaseError> {
        let read = direct::read(&self.link, LEASES, &Lease::subject(host), 0).await;
        let mut messages = read.map_err(|detail| unavailable("read", detail))?;
        messages
            .pop()
            .map(|message| found(&message).map(|(_, found)| found))
            .transpose()
    }

    async fn all(&self) -> Result<BTreeMap<HostId, Found>, LeaseError> {
        let read = direct::read(&self.link, LEASES, ALL_LEASES, 0).await;
        let messages = read.map_err(|detail| unavailable("read", detail))?;
        // In the order of their sequence, so that the last of a host is the one that stays.
        let readable = messages.iter().filter_map(|message| {
            found(message)
                .inspect_err(
                    |error| tracing::error!(%error, subject = %message.subject, "a record is no lease"),
                )
                .ok()
        });
        Ok(readable.collect())
    }

    async fn write(&self, host: &HostId, lease: &Lease, over: Version) -> Result<Written, LeaseError> {
        self.link
            .fit()
            .map_err(|error| unavailable("written", error.to_string()))?;
        let publish = PublishMessage::build()
            .payload(lease.encode().into())
            .expected_last_subject_sequence(over.0);
        let error = match self.link.store(Lease::subject(host), publish).await {
            Ok(ack) => return Ok(Written::Stored(Version(ack.sequence))),
            Err(error) => error,
        };
        let stands = self.read(host).await?;
        match stands {
            // An answer was lost: ours is the only record that can have come since, if it is like ours.
            Some(found) if found.lease == *lease && found.version > over => {
                Ok(Written::Stored(found.version))
            }
            stands if error.kind() == PublishErrorKind::WrongLastSequence => Ok(Written::Overtaken(stands)),
            stands if stands.as_ref().map(|found| found.version).unwrap_or_default() != over => {
                Ok(Written::Overtaken(stands))
            }
            _ => Err(unavailable("written", error.to_string())),
        }
    }
}

fn found(message: &StreamMessage) -> Result<(HostId, Found), LeaseError> {
    let subject = message.subject.as_str();
    let host = subject.rsplit('.').next().unwrap_or_default();
    let foreign = |detail: String| LeaseError::Foreign {
        host: host.to_owned(),
        detail,
    };
    let id = HostId::new(host).map_err(|error| foreign(error.to_string()))?;
    let lease = Lease::decode(&message.payload).map_err(|error| foreign(error.to_string()))?;
    let version = Version(message.sequence);
    Ok((id, Found { lease, version }))
}

fn unavailable(action: &'static str, detail: String) -> LeaseError {
    LeaseError::Unavailable { action, detail }
}
