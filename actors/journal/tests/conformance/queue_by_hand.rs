//! Commands that somebody publishes with nothing but a NATS client.

use async_nats::{Client, HeaderMap};
use futures::StreamExt;
use roost_journal::jetstream::{self, Connection};
use roost_journal::port::Queue;
use roost_journal::testing::NatsServer;
use roost_schemas::command::{ContentType, header};
use roost_schemas::reply::{Accepted, Code, Reply};
use roost_schemas::subject::Route;
use roost_schemas::{Sequence, codec};

use crate::queue::{next, nothing};
use crate::world::{PATIENCE, id};

const SUBJECT: &str = "roost.cmd.default.any.a";

async fn set_up() -> (NatsServer, Connection, Client) {
    let server = NatsServer::start();
    let log = jetstream::connect(server.options()).await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    (server, log, client)
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, *value);
    }
    headers
}

#[tokio::test]
async fn json_without_an_id_is_delivered_and_answered_in_json() {
    let (_server, log, client) = set_up().await;
    let mut answers = client.subscribe("my.answers").await.unwrap();
    let pairs = headers(&[
        (header::CONTENT_TYPE, "application/json"),
        (header::REPLY, "my.answers"),
    ]);
    client
        .publish_with_headers(SUBJECT, pairs, r#"{"type":"kill"}"#.into())
        .await
        .unwrap();

    let mut deliveries = log.queue().consume(&Route::Any).await.unwrap();
    let delivery = next(&mut deliveries).await;
    assert_eq!(delivery.message.command_id, id("seq-1"));
    assert_eq!(delivery.message.content, ContentType::Json);
    assert_eq!(delivery.message.body, r#"{"type":"kill"}"#);
    let reply = Reply::Accepted(Accepted {
        sequence: Sequence(3),
        state: "stopping".to_owned(),
    });
    log.queue().answer(&delivery.message, &reply).await.unwrap();
    delivery.settle.done().await.unwrap();

    let answer = tokio::time::timeout(PATIENCE, answers.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(codec::decode_json::<Reply>("reply", &answer.payload), Ok(reply));
}

#[tokio::test]
async fn a_malformed_command_is_rejected_and_removed() {
    let (_server, log, client) = set_up().await;
    let mut answers = client.subscribe("my.answers").await.unwrap();
    let mut deliveries = log.queue().consume(&Route::Any).await.unwrap();
    for (subject, name, value) in [
        (SUBJECT, header::COMMAND_ID, "not an id"),
        (SUBJECT, header::DEADLINE, "soon"),
        (SUBJECT, header::CONTENT_TYPE, "text/html"),
        (
            "roost.cmd.default.any.Not-A-Sandbox",
            header::PRINCIPAL,
            "Not-A-Sandbox",
        ),
    ] {
        let pairs = headers(&[(name, value), (header::REPLY, "my.answers")]);
        client
            .publish_with_headers(subject, pairs, "{}".into())
            .await
            .unwrap();
        nothing(&mut deliveries).await;
        let answer = tokio::time::timeout(PATIENCE, answers.next())
            .await
            .unwrap()
            .unwrap();
        let json = answer
            .headers
            .as_ref()
            .and_then(|h| h.get(header::CONTENT_TYPE))
            .unwrap()
            .as_str()
            .contains("json");
        let reply = if json {
            codec::decode_json("reply", &answer.payload).unwrap()
        } else {
            Reply::decode(&answer.payload).unwrap()
        };
        match reply {
            Reply::Rejected(rejected) => {
                assert_eq!(rejected.code, Code::InvalidRequest);
                assert!(rejected.message.contains(value), "{}", rejected.message);
            }
            Reply::Accepted(accepted) => panic!("{accepted:?}"),
        }
    }
    let mut stream = async_nats::jetstream::new(client)
        .get_stream(jetstream::COMMANDS)
        .await
        .unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 0);
}

#[tokio::test]
async fn a_reply_subject_in_the_log_is_not_answered() {
    let (_server, log, client) = set_up().await;
    let pairs = headers(&[(header::REPLY, "roost.evt.default.sandbox.a")]);
    client
        .publish_with_headers(SUBJECT, pairs, "{}".into())
        .await
        .unwrap();
    let mut deliveries = log.queue().consume(&Route::Any).await.unwrap();
    nothing(&mut deliveries).await;
    let mut events = async_nats::jetstream::new(client)
        .get_stream(jetstream::EVENTS)
        .await
        .unwrap();
    assert_eq!(events.info().await.unwrap().state.messages, 0);
}

#[tokio::test]
async fn a_subject_of_another_shape_is_refused_at_once() {
    let (_server, _log, client) = set_up().await;
    let context = async_nats::jetstream::new(client);
    let published = context.publish("roost.cmd.default.any.a.b", "{}".into()).await;
    let error = published.unwrap().await.unwrap_err();
    assert!(error.to_string().contains("no stream"), "{error}");
}
