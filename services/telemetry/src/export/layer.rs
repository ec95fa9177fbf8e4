//! What happens to spans on their way to the queue.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use metrics::counter;
use serde_json::Value;
use tokio::sync::mpsc;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::Span;
use crate::trace::{PARENT, Place, ROOT};

/// Hands on every span that ends and whose trace is recorded.
pub(crate) struct Spans {
    queue: mpsc::Sender<Span>,
}

impl Spans {
    pub(super) fn new(queue: mpsc::Sender<Span>) -> Self {
        Self { queue }
    }
}

/// What is known of a span before its end.
#[derive(Default)]
struct Open {
    began: u64,
    attributes: Vec<(&'static str, Value)>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if !extensions
            .get_mut::<Place>()
            .is_some_and(|place| place.here.sampled)
        {
            return;
        }
        let mut open = Open {
            began: now(),
            ..Open::default()
        };
        attributes.record(&mut open);
        extensions.insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let mut extensions = span.extensions_mut();
        let (Some(open), Some(place)) = (extensions.remove::<Open>(), extensions.get_mut::<Place>()) else {
            return;
        };
        let ended = Span {
            place: *place,
            name: span.name(),
            attributes: open.attributes,
            began: open.began,
            ended: now(),
        };
        if self.queue.try_send(ended).is_err() {
            counter!("roost_spans_dropped_total").increment(1);
        }
    }
}

impl Visit for Open {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attributes.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.attributes.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.attributes.push((field.name(), value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if ![PARENT, ROOT].contains(&field.name()) {
            self.attributes.push((field.name(), value.into()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
