//! A webhook: what it may be, and what becomes of what it could not tell.

use std::collections::BTreeMap;

use roost_domain::webhook::{Command, MAX_ASIDE, Targets, Webhook, check_spec};
use roost_domain::{Aggregate, Rejection};
use roost_schemas::command::{Envelope, WebhookChange};
use roost_schemas::event::{GivenUp, WebhookEvent};
use roost_schemas::webhook::WebhookSpec;
use roost_schemas::{Sequence, Timestamp};

use crate::support::{command_id, sandbox_id};

fn spec(url: &str) -> WebhookSpec {
    WebhookSpec {
        url: url.to_owned(),
        types: Vec::new(),
        metadata: BTreeMap::new(),
    }
}

fn given_up(sequence: u64, reason: &str) -> GivenUp {
    GivenUp {
        sequence: Sequence(sequence),
        sandbox: sandbox_id("s1"),
        attempts: 3,
        reason: reason.to_owned(),
    }
}

fn ask(webhook: &mut Webhook, command: Command) -> Result<Vec<WebhookEvent>, Rejection> {
    let envelope = Envelope {
        command_id: command_id("c1"),
        at: Timestamp(1),
        principal: "test".into(),
        command,
    };
    let events = webhook.decide(&envelope)?;
    for event in &events {
        webhook.evolve(event);
    }
    Ok(events)
}

fn change(webhook: &mut Webhook, change: WebhookChange) -> Result<usize, Rejection> {
    ask(webhook, Command::Change(change)).map(|events| events.len())
}

fn telling() -> Webhook {
    let mut webhook = Webhook::default();
    assert_eq!(
        change(&mut webhook, WebhookChange::Create(spec("https://example.com"))),
        Ok(1)
    );
    webhook
}

#[test]
fn it_is_made_once_and_ends_once() {
    let mut webhook = Webhook::default();
    assert_eq!(
        change(&mut webhook, WebhookChange::Delete),
        Err(Rejection::NoWebhook)
    );
    assert_eq!(webhook.standing(), "absent");
    let mut webhook = telling();
    let again = |url: &str| WebhookChange::Create(spec(url));
    assert_eq!(change(&mut webhook, again("https://example.com")), Ok(0));
    assert_eq!(
        change(&mut webhook, again("https://example.org")),
        Err(Rejection::WebhookExists)
    );
    assert_eq!(webhook.standing(), "telling");
    assert_eq!(change(&mut webhook, WebhookChange::Delete), Ok(1));
    assert_eq!(change(&mut webhook, WebhookChange::Delete), Ok(0));
    assert_eq!((webhook.tells(), webhook.standing()), (None, "deleted"));
    assert_eq!(
        change(&mut webhook, again("https://example.com")),
        Err(Rejection::WebhookExists),
        "its id, and so its secret, is never another's"
    );
}

#[test]
fn what_was_put_aside_is_asked_for_tried_and_put_aside_anew_or_gone() {
    let mut webhook = telling();
    assert_eq!(
        ask(&mut webhook, Command::GiveUp(given_up(7, "503")))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        ask(&mut webhook, Command::GiveUp(given_up(7, "504")))
            .unwrap()
            .len(),
        0,
        "told twice, it is put aside once"
    );
    assert!(change(&mut webhook, WebhookChange::Redeliver(Sequence(8))).is_err());
    assert_eq!(change(&mut webhook, WebhookChange::Redeliver(Sequence(7))), Ok(1));
    assert_eq!(change(&mut webhook, WebhookChange::Redeliver(Sequence(7))), Ok(0));

    assert_eq!(
        ask(&mut webhook, Command::GiveUp(given_up(7, "500")))
            .unwrap()
            .len(),
        1
    );
    let aside = &webhook.aside[&Sequence(7)];
    assert_eq!((aside.asked, aside.given_up.reason.as_str()), (false, "500"));

    assert_eq!(change(&mut webhook, WebhookChange::Redeliver(Sequence(7))), Ok(1));
    let told = Command::Redelivered(Sequence(7));
    assert_eq!(ask(&mut webhook, told.clone()).unwrap().len(), 1);
    assert_eq!(ask(&mut webhook, told).unwrap().len(), 0);
    assert!(webhook.aside.is_empty());
}

#[test]
fn nothing_that_is_put_aside_makes_room_for_more() {
    let mut webhook = telling();
    for sequence in 1..=MAX_ASIDE as u64 {
        ask(&mut webhook, Command::GiveUp(given_up(sequence, "503"))).unwrap();
    }
    let next = Command::GiveUp(given_up(9_999, "503"));
    assert!(matches!(
        ask(&mut webhook, next.clone()),
        Err(Rejection::TooMany { .. })
    ));
    change(&mut webhook, WebhookChange::Redeliver(Sequence(1))).unwrap();
    assert_eq!(
        ask(&mut webhook, Command::GiveUp(given_up(1, "503")))
            .unwrap()
            .len(),
        1
    );
    change(&mut webhook, WebhookChange::Redeliver(Sequence(1))).unwrap();
    ask(&mut webhook, Command::Redelivered(Sequence(1))).unwrap();
    assert_eq!(ask(&mut webhook, next).unwrap().len(), 1);
}

#[test]
fn a_url_that_nothing_can_be_told_to_is_refused() {
    let targets = Targets::default();
    for bad in [
        "",
        "example.com/hook",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@example.com",
        "https://user@example.com",
        "https://example.com/#part",
        "https://example.com:0/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://169.254.169.254/latest",
        "http://10.0.0.1:8080",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fe80::1]/",
        &format!("https://example.com/{}", "a".repeat(2_048)),
    ] {
        assert!(
            matches!(targets.check(bad), Err(Rejection::Invalid { field: "url", .. })),
            "{bad}"
        );
    }
    for good in [
        "https://example.com",
        "http://1.1.1.1:8080/a?b=c",
        "https://[2606:4700::1111]/x",
    ] {
        assert!(targets.check(good).is_ok(), "{good}");
    }
    let local = Targets::new(vec!["127.0.0.0/8".parse().unwrap()]);
    assert!(local.check("http://127.0.0.1:9/").is_ok() && local.check("http://10.0.0.1/").is_err());
}

#[test]
fn only_types_and_labels_that_there_can_be_are_taken() {
    let of = |types: &[&str], labels: usize| WebhookSpec {
        types: types.iter().map(ToString::to_string).collect(),
        metadata: (0..labels).map(|n| (n.to_string(), String::new())).collect(),
        ..spec("https://example.com")
    };
    let targets = Targets::default();
    assert_eq!(check_spec(&of(&["running", "stopped"], 3), &targets), Ok(()));
    for bad in [
        of(&["nonsense"], 0),
        of(&["running", "running"], 0),
        of(&[], 10_000),
    ] {
        assert!(check_spec(&bad, &targets).is_err(), "{bad:?}");
    }
}
