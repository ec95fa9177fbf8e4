//! One JSON object a line, flat, so that a log can be searched by id without knowing where that was said:
//!
//! ```json
//! {"timestamp":"…Z","level":"INFO","service":"roost-host","target":"…","message":"…",
//!  "trace_id":"…","span_id":"…","span":"command","sandbox":"…","command":"…"}
//! ```
//!
//! What an event says itself stands before what the spans around it say, the inner before the outer.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::trace;

/// Keys that are ours: a field of such a name is written with `_` behind it.
const OURS: [&str; 7] = [
    "timestamp",
    "level",
    "service",
    "target",
    "trace_id",
    "span_id",
    "span",
];

/// The format of events.
pub(super) struct Json {
    service: &'static str,
}

impl Json {
    pub(super) fn new(service: &'static str) -> Self {
        Self { service }
    }
}

impl<S> FormatEvent<S, Fields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Fields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Map::new();
        line.insert("timestamp".into(), jiff::Timestamp::now().to_string().into());
        line.insert("level".into(), metadata.level().as_str().into());
        line.insert("service".into(), self.service.into());
        line.insert("target".into(), metadata.target().into());
        event.record(&mut Collect(&mut line));
        if let Some(span) = context.lookup_current() {
            if let Some(parent) = trace::of(&span) {
                line.insert("trace_id".into(), parent.trace.to_string().into());
                line.insert("span_id".into(), parent.span.to_string().into());
            }
            line.insert("span".into(), span.name().into());
            for span in span.scope() {
                let extensions = span.extensions();
                let said = extensions.get::<FormattedFields<Fields>>();
                let said = said.and_then(|said| serde_json::from_str(&said.fields).ok());
                for (name, value) in said.into_iter().flat_map(Map::into_iter) {
                    line.entry(name).or_insert(value);
                }
            }
        }
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// The format of a span's fields: an object, to be read again with each event in it.
pub(super) struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut said = Map::new();
        fields.record(&mut Collect(&mut said));
        let said = serde_json::to_string(&said).map_err(|_| fmt::Error)?;
        write!(writer, "{said}")
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        let mut said: Map<String, Value> = serde_json::from_str(&current.fields).unwrap_or_default();
        fields.record(&mut Collect(&mut said));
        current.fields = serde_json::to_string(&said).map_err(|_| fmt::Error)?;
        Ok(())
    }
}

/// Fields on their way into an object.
struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        // Where the work comes from is told by the ids of its trace.
        if name == trace::PARENT || name == trace::ROOT {
            return;
        }
        let name = if OURS.contains(&name) {
            format!("{name}_")
        } else {
            name.to_owned()
        };
        self.0.insert(name, value);
    }
}

impl Visit for Collect<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, subscriber};
    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::{Layer, SubscriberExt};

    use super::*;
    use crate::trace::Traces;

    /// What was written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let lines = fmt::layer()
            .fmt_fields(Fields)
            .event_format(Json::new("test"))
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(Traces.and_then(lines));
        subscriber::with_default(subscriber, work);
        let bytes = written.0.lock().unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_ids_of_all_that_it_is_about() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let lines = lines(|| {
            let outer = info_span!(
                "command",
                traceparent = parent,
                sandbox = "a",
                kind = tracing::field::Empty
            );
            outer.record("kind", "create");
            let inner = outer.in_scope(|| info_span!("step", step = "start", sandbox = "inner"));
            inner.in_scope(|| info!(ms = 7, ok = true, level = "mine", "done\nit is"));
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        let trace = &line["trace_id"];
        assert_eq!(trace, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(line["span_id"], "00f067aa0ba902b7");
        for (key, expected) in [
            ("service", "test"),
            ("level", "INFO"),
            ("level_", "mine"),
            ("message", "done\nit is"),
            ("span", "step"),
            ("step", "start"),
            ("sandbox", "inner"),
            ("kind", "create"),
        ] {
            assert_eq!(line[key], expected, "{key}");
        }
        assert_eq!((&line["ms"], &line["ok"]), (&7.into(), &true.into()));
        assert_eq!(line.get("traceparent"), None);
    }

    #[test]
    fn a_line_outside_of_any_span_has_no_trace() {
        let lines = lines(|| info!("up"));
        assert_eq!(lines[0]["message"], "up");
        assert_eq!(lines[0].get("trace_id"), None);
    }
}
