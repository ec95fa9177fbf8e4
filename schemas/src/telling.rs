//! A commit as it is told to people and to programs outside: each event a type and its details in JSON, whatever the
//! aggregate.
//!
//! Event streams, webhooks and pages all tell the same.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Timestamp;
use crate::codec::Undecodable;
use crate::commit::{Commit, Principal};
use crate::event::{HostEvent, Payload, SandboxEvent, TemplateEvent, TenantEvent, WebhookEvent};
use crate::subject::{AggregateId, EventSubject};

/// All that one commit tells.
#[derive(Debug)]
pub struct Telling {
    /// When its command was issued.
    pub at: Timestamp,
    /// Who issued it.
    pub principal: Principal,
    /// What happened, in order.
    pub events: Vec<Told>,
}

/// One event.
#[derive(Debug, Clone, Deserialize)]
pub struct Told {
    /// What happened, such as `running`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The details in JSON; absent if there are none.
    pub data: Option<Box<RawValue>>,
}

/// Reads the commit of `subject` in `payload`.
///
/// A key's hash is left out: it is of no use to anybody outside.
pub fn tell(subject: &EventSubject, payload: &[u8]) -> Result<Telling, Undecodable> {
    match subject.aggregate {
        AggregateId::Sandbox(_) => of::<SandboxEvent>(payload, json),
        AggregateId::Template(_) => of::<TemplateEvent>(payload, json),
        AggregateId::Host(_) => of::<HostEvent>(payload, json),
        AggregateId::Tenant(_) => of::<TenantEvent>(payload, without_hash),
        AggregateId::Webhook(_) => of::<WebhookEvent>(payload, json),
    }
}

fn of<E: Payload>(
    payload: &[u8],
    write: impl Fn(&E) -> serde_json::Result<String>,
) -> Result<Telling, Undecodable> {
    let commit = Commit::<E>::decode(payload)?;
    let told = |event| write(event).and_then(|text| serde_json::from_str(&text));
    let events = commit.events.iter().map(told).collect::<Result<_, _>>();
    Ok(Telling {
        at: commit.at,
        principal: commit.principal,
        events: events.expect("our own events are tagged and have string keys"),
    })
}

fn json<E: Serialize>(event: &E) -> serde_json::Result<String> {
    serde_json::to_string(event)
}

fn without_hash(event: &TenantEvent) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(event)?;
    if let (TenantEvent::KeyCreated(_), Some(data)) = (event, value["data"].as_object_mut()) {
        data.remove("hash");
    }
    serde_json::to_string(&value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::SCHEMA_VERSION;
    use crate::event::{Starting, TenantEvent};
    use crate::id::Generation;
    use crate::tenant::{Key, KeyHash, Scope};
    use crate::{CommandId, KeyId, SandboxId, TenantId};

    fn commit<E: Payload>(events: Vec<E>) -> Vec<u8> {
        let commit = Commit {
            command_id: CommandId::new("c1").unwrap(),
            schema_version: SCHEMA_VERSION,
            at: Timestamp(7),
            principal: "test".to_owned(),
            events,
        };
        commit.encode()
    }

    #[test]
    fn an_event_is_told_by_its_type_and_its_details() {
        let tenant = TenantId::new("t").unwrap();
        let subject = EventSubject::sandbox(tenant, SandboxId::new("s1").unwrap());
        let starting = SandboxEvent::Starting(Starting {
            generation: Generation(3),
        });
        let told = tell(&subject, &commit(vec![starting, SandboxEvent::Stopped])).unwrap();
        assert_eq!((told.at, told.principal.as_str()), (Timestamp(7), "test"));
        let [starting, stopped] = &told.events[..] else {
            panic!("{told:?}")
        };
        assert_eq!(starting.kind, "starting");
        assert_eq!(starting.data.as_ref().unwrap().get(), r#"{"generation":3}"#);
        assert!(stopped.kind == "stopped" && stopped.data.is_none());
    }

    #[test]
    fn a_key_s_hash_is_not_told() {
        let tenant = TenantId::new("t").unwrap();
        let key = Key {
            id: KeyId::new("k1").unwrap(),
            name: "ci".to_owned(),
            hash: KeyHash::from_bytes([0xab; 32]),
            scope: Scope::Run,
            created_at: Timestamp(7),
            expires_at: None,
        };
        let payload = commit(vec![TenantEvent::KeyCreated(key)]);
        let told = tell(&EventSubject::tenant(tenant), &payload).unwrap();
        let data = told.events[0].data.as_ref().unwrap().get();
        assert!(data.contains("\"ci\"") && !data.contains("abab"), "{data}");
    }

    #[test]
    fn what_belongs_to_another_aggregate_is_refused() {
        let tenant = TenantId::new("t").unwrap();
        let payload = commit(vec![SandboxEvent::Stopped]);
        assert!(tell(&EventSubject::tenant(tenant), &payload).is_err());
    }
}
