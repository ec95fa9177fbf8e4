//! What a tenant's own programs ask over a real nats-server is counted as their requests in a second: reads by the gateway,
//! commands by the router.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use roost_domain::webhook::Targets;
use roost_gateway::answer_reads;
use roost_journal::jetstream::{Connection, connect};
use roost_journal::testing::NatsServer;
use roost_runtime::port::SystemClock;
use roost_runtime::router::Router;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::nats::ports;
use crate::world::{LONG, World, limits};

/// Asked at once: more than a slow machine lets through by the time that passes meanwhile.
const FLOOD: usize = 100;

struct Stage {
    client: Client,
    _world: World,
    _tasks: JoinSet<()>,
    _connection: Connection,
    _server: NatsServer,
}

impl Stage {
    /// A router and a gateway that reads are asked of; `acme` may send three requests in a second, `none` none.
    async fn new() -> Self {
        let server = NatsServer::start();
        let connection = connect(server.options()).await.unwrap();
        let ports = ports(&connection).await;
        let router = Router {
            journal: Arc::clone(&ports.journal),
            queue: Arc::clone(&ports.queue),
            fleet: ports.fleet.clone(),
            clock: Arc::new(SystemClock),
            targets: Targets::default(),
        };
        let world = World::over(ports, limits(), None);
        let client = async_nats::connect(server.url()).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { router.run().await });
        tasks.spawn(answer_reads(world.gateway.clone(), connection.client()));
        world.tenant("acme", json!({"requests_per_sec": 3})).await;
        world.tenant("none", json!({"requests_per_sec": 0})).await;
        let stage = Self {
            client,
            _world: world,
            _tasks: tasks,
            _connection: connection,
            _server: server,
        };
        // Until its subscription is there, nobody answers.
        while stage
            .client
            .request("roost.read.default", "".into())
            .await
            .is_err()
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        stage
    }

    /// Sends one after the other without a pause; the codes of the answers, and a refusal's words.
    async fn flood(&self, tenant: &str, subject: &str, body: &str) -> (BTreeMap<String, usize>, String) {
        let subject = subject.replace("TENANT", tenant);
        // A read is answered where the message says, a command where its header does.
        let is_read = subject.starts_with("roost.read.");
        let answers = if is_read {
            self.client.new_inbox()
        } else {
            format!("roost.reply.{tenant}.a")
        };
        let mut heard = self.client.subscribe(answers.clone()).await.unwrap();
        for _ in 0..FLOOD {
            let mut headers = HeaderMap::new();
            headers.insert("Content-Type", "application/json");
            let (client, subject, body) = (&self.client, subject.clone(), body.to_owned().into());
            let sent = if is_read {
                client
                    .publish_with_reply_and_headers(subject, answers.clone(), headers, body)
                    .await
            } else {
                headers.insert("Roost-Reply", answers.as_str());
                client.publish_with_headers(subject, headers, body).await
            };
            sent.unwrap();
        }
        let (mut codes, mut words) = (BTreeMap::new(), String::new());
        for _ in 0..FLOOD {
            let answer = tokio::time::timeout(LONG, heard.next()).await;
            let Ok(answer) = answer else {
                panic!("no more answers to {subject}: {codes:?} {words}")
            };
            let answer = answer.unwrap();
            let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
            let failed = [&answer["error"], &answer["rejected"]];
            let failed = failed.into_iter().find(|failed| failed.is_object());
            let code = failed.map_or("ok", |failed| failed["code"].as_str().unwrap());
            if code == "limit_exceeded" {
                words = failed.unwrap()["message"].to_string();
            }
            *codes.entry(code.to_owned()).or_default() += 1;
        }
        (codes, words)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_programs_are_held_to_its_requests_in_a_second() {
    let stage = Stage::new().await;
    for (subject, body, passed) in [
        (
            "roost.cmd.TENANT.client.nosuch",
            r#"{"type":"kill"}"#,
            "not_found",
        ),
        ("roost.read.TENANT", "{}", "ok"),
    ] {
        let (codes, words) = stage.flood("acme", subject, body).await;
        assert!((3..FLOOD).contains(&codes[passed]), "{subject}: {codes:?}");
        assert_eq!(codes[passed] + codes["limit_exceeded"], FLOOD);
        assert!(words.contains("requests_per_sec is 3"), "{subject}: {words}");
        let (codes, _) = stage.flood("none", subject, body).await;
        assert_eq!(codes["limit_exceeded"], FLOOD, "{subject}: {codes:?}");
        let (codes, _) = stage.flood("free", subject, body).await;
        assert_eq!(codes[passed], FLOOD, "{subject}: {codes:?}");
    }
}
