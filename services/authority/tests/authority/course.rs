//! Commands on their course: from a gateway by the router to a host, and answers back.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use roost_authority::Role;
use roost_journal::jetstream::Connection;
use roost_journal::port::{Deliveries, Delivery, Message, Queue};
use roost_schemas::command::{ContentType, Pause, SandboxCommand};
use roost_schemas::reply::{Accepted, Reply};
use roost_schemas::subject::{CommandSubject, Route};
use roost_schemas::{CommandId, HostId, SandboxId, Sequence, TenantId};

use crate::world::World;

fn pause(id: &str) -> Message {
    Message {
        command_id: CommandId::new(id).unwrap(),
        principal: "key:1".to_owned(),
        deadline: None,
        trace: None,
        reply: None,
        content: ContentType::MessagePack,
        body: SandboxCommand::Pause(Pause::default()).encode().into(),
    }
}

fn subject(route: Route) -> CommandSubject {
    CommandSubject {
        tenant: TenantId::first(),
        route,
        sandbox: SandboxId::new("sb1").unwrap(),
    }
}

/// Commands from a gateway to a host, and answers back.
pub(crate) struct Course {
    pub(crate) gateway: Connection,
    pub(crate) router: Connection,
    pub(crate) host: Connection,
    h1: Route,
    commands: Deliveries,
    taken: Deliveries,
}

impl Course {
    pub(crate) async fn begin(world: &World) -> Self {
        let h1 = Route::Host(HostId::new("h1").unwrap());
        let router = world.connect(Role::Reconciler, None).await;
        let host = world.connect(Role::Host, Some("h1")).await;
        Self {
            gateway: world.connect(Role::Gateway, None).await,
            commands: router.queue().consume(&Route::Any).await.unwrap(),
            taken: host.queue().consume(&h1).await.unwrap(),
            router,
            host,
            h1,
        }
    }

    pub(crate) async fn run(&mut self, id: &str) {
        let queue = self.gateway.queue();
        let patience = Duration::from_secs(10);
        let any = subject(Route::Any);
        let asking = queue.request(&any, pause(id), patience);
        let working = async {
            let delivery = next(&mut self.commands).await;
            let forwarded = subject(self.h1.clone());
            let queue = self.router.queue();
            queue.publish(&forwarded, &delivery.message).await.unwrap();
            delivery.settle.done().await.unwrap();
            let delivery = next(&mut self.taken).await;
            delivery.settle.progress().await.unwrap();
            let reply = Reply::Accepted(Accepted {
                sequence: Sequence(1),
                state: "stopping".to_owned(),
            });
            let queue = self.host.queue();
            queue.answer(&delivery.message, &reply).await.unwrap();
            delivery.settle.done().await.unwrap();
            reply
        };
        let (answered, reply) = tokio::join!(asking, working);
        assert_eq!(answered.unwrap(), reply);
    }
}

/// The next delivery: a queue that stutters, as one does when the server was away, goes on by itself.
async fn next(deliveries: &mut Deliveries) -> Delivery {
    loop {
        if let Ok(delivery) = deliveries.next().await.unwrap() {
            return delivery;
        }
    }
}

/// What a commit of `id` is made of.
pub(crate) fn commit(id: &CommandId) -> Bytes {
    use roost_schemas::commit::{Commit, SCHEMA_VERSION};
    use roost_schemas::event::SandboxEvent;
    let commit = Commit {
        command_id: id.clone(),
        schema_version: SCHEMA_VERSION,
        at: roost_schemas::Timestamp(1),
        principal: "test".to_owned(),
        events: vec![SandboxEvent::Stopped],
    };
    commit.encode().into()
}
