//! A sandbox that turns out to stand on another host than the gateway knew of.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use roost_gateway::Ports;
use roost_journal::port::{Deliveries, Journal, Message, Queue, QueueError};
use roost_schemas::commit::{Commit, SCHEMA_VERSION};
use roost_schemas::event::{Placed, SandboxEvent};
use roost_schemas::reply::{Code, Rejected, Reply};
use roost_schemas::subject::{CommandSubject, EventSubject, Route};
use roost_schemas::{CommandId, Generation, HostId, Sequence, Timestamp};
use serde_json::json;

use crate::host::Host;
use crate::world::{World, limits, memory};

/// The queue of a host that has just given a sandbox away, and says so.
struct Elsewhere {
    queue: Arc<dyn Queue>,
    journal: Arc<dyn Journal>,
    asked: Mutex<Vec<Route>>,
}

impl Elsewhere {
    /// Puts the sandbox on another host.
    async fn move_away(&self, command: &CommandSubject) {
        let subject = EventSubject::sandbox(command.tenant.clone(), command.sandbox.clone());
        let last = self
            .journal
            .read(&subject, Sequence(0))
            .await
            .unwrap()
            .records
            .last()
            .unwrap()
            .sequence;
        let placed = Placed {
            host: HostId::new("h2").unwrap(),
            generation: Generation(2),
        };
        let commit = Commit {
            command_id: CommandId::random(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp::now(),
            principal: "test".into(),
            events: vec![SandboxEvent::Placed(placed)],
        };
        self.journal
            .append(&subject, last, &commit.command_id, commit.encode().into())
            .await
            .unwrap();
    }
}

#[async_trait::async_trait]
impl Queue for Elsewhere {
    async fn publish(&self, subject: &CommandSubject, message: &Message) -> Result<(), QueueError> {
        self.queue.publish(subject, message).await
    }

    async fn request(
        &self,
        subject: &CommandSubject,
        message: Message,
        patience: Duration,
    ) -> Result<Reply, QueueError> {
        self.asked.lock().unwrap().push(subject.route.clone());
        if subject.route == Route::Any {
            return self.queue.request(subject, message, patience).await;
        }
        self.move_away(subject).await;
        Ok(Reply::Rejected(Rejected {
            code: Code::InvalidState,
            message: "not here".into(),
        }))
    }

    async fn consume(&self, route: &Route) -> Result<Deliveries, QueueError> {
        self.queue.consume(route).await
    }

    async fn answer(&self, message: &Message, reply: &Reply) -> Result<(), QueueError> {
        self.queue.answer(message, reply).await
    }
}

#[tokio::test]
async fn a_host_that_no_longer_has_the_sandbox_is_asked_once() {
    let ports = memory().await;
    let host = Host::start(&ports).await;
    let elsewhere = Arc::new(Elsewhere {
        queue: ports.queue.clone(),
        journal: ports.journal.clone(),
        asked: Mutex::default(),
    });
    let world = World::over(
        Ports {
            queue: elsewhere.clone(),
            ..ports
        },
        limits(),
        Some(host),
    );
    let id = world.sandbox().await;
    let answer = world
        .post(&format!("/v1/sandboxes/{id}/timeout"), &json!({"timeout_sec": 5}))
        .send()
        .await;
    // Where it stands now it is not running, which is what the router's queue answers.
    assert!(answer.error(409, "invalid_state").contains("placed"));
    let h1 = Route::Host(HostId::new("h1").unwrap());
    assert_eq!(*elsewhere.asked.lock().unwrap(), [Route::Any, h1, Route::Any]);
}
