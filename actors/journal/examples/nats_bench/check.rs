//! The log against the writers' record.

use std::collections::HashMap;

use futures::StreamExt;
use roost_journal::jetstream::Connection;
use roost_journal::port::{Journal, Record};
use roost_schemas::subject::EventFilter;
use roost_schemas::{CommandId, Sequence};

use crate::writer::Acknowledged;

/// Reads the whole log; each finding in words.
pub(crate) async fn against(acknowledged: &[Acknowledged], log: &Connection) -> Vec<String> {
    let journal = log.journal();
    let head = journal.head().await.expect("the server runs");
    let mut records = journal
        .follow(&EventFilter::All, Sequence::default())
        .await
        .expect("the server runs");
    let mut found = Vec::new();
    let mut stored: HashMap<CommandId, Record> = HashMap::new();
    let mut last = Sequence::default();
    while last < head {
        let record = records
            .next()
            .await
            .expect("it does not end")
            .expect("it is readable");
        if record.sequence.0 != last.0 + 1 {
            found.push(format!("{} follows on {last}", record.sequence));
        }
        last = record.sequence;
        if let Some(twice) = stored.insert(record.command_id.clone(), record) {
            found.push(format!("{} stands twice", twice.command_id));
        }
    }
    found.extend(acknowledged.iter().filter_map(|one| difference(one, &stored)));
    found
}

fn difference(one: &Acknowledged, stored: &HashMap<CommandId, Record>) -> Option<String> {
    let Acknowledged {
        subject,
        sequence,
        command_id,
        payload,
    } = one;
    let Some(record) = stored.get(command_id) else {
        return Some(format!("{command_id} was acknowledged at {sequence} and is lost"));
    };
    let same = record.sequence == *sequence && record.subject == *subject && record.payload == *payload;
    (!same).then(|| format!("{command_id} was acknowledged at {sequence} of {subject}, but is {record:?}"))
}
