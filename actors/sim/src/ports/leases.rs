//! The leases, over a faulty way.

use std::collections::BTreeMap;

use async_trait::async_trait;
use roost_journal::memory::Passage;
use roost_journal::port::{Found, LeaseError, Leases, Version, Written};
use roost_schemas::HostId;
use roost_schemas::lease::Lease;

use super::Link;
use crate::faults::Kind;

impl Link {
    async fn ask_leases<T>(
        &self,
        action: &'static str,
        about: String,
        answer: impl Future<Output = Result<T, LeaseError>>,
    ) -> Result<T, LeaseError> {
        let passage = self.turn(Kind::Request, action, about).await;
        let answer = answer.await;
        self.took_effect().await;
        if passage.is_answered() {
            return answer;
        }
        Err(unavailable(action, passage))
    }
}

#[async_trait]
impl Leases for Link {
    async fn read(&self, host: &HostId) -> Result<Option<Found>, LeaseError> {
        let leases = self.world.memory().leases();
        self.ask_leases("lease read", host.to_string(), leases.read(host))
            .await
    }

    async fn all(&self) -> Result<BTreeMap<HostId, Found>, LeaseError> {
        let leases = self.world.memory().leases();
        self.ask_leases("leases", String::new(), leases.all()).await
    }

    async fn write(&self, host: &HostId, lease: &Lease, over: Version) -> Result<Written, LeaseError> {
        const ACTION: &str = "lease write";
        let about = format!("{host} {} over {}", lease.life(), over.0);
        let passage = self.turn(Kind::Request, ACTION, about).await;
        let leases = self.world.memory().leases();
        let written = match passage {
            Passage::Lost => None,
            Passage::Late(after) => {
                let (host, lease) = (host.clone(), lease.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    // Nobody waits for its answer.
                    let _ = leases.write(&host, &lease, over).await;
                });
                None
            }
            // A copy is over a version that is not the last any more.
            Passage::Through | Passage::Unanswered | Passage::Twice(_) => {
                Some(leases.write(host, lease, over).await)
            }
        };
        self.took_effect().await;
        written
            .filter(|_| passage.is_answered())
            .unwrap_or_else(|| Err(unavailable(ACTION, passage)))
    }
}

fn unavailable(action: &'static str, passage: Passage) -> LeaseError {
    LeaseError::Unavailable {
        action,
        detail: format!("{passage:?}"),
    }
}
