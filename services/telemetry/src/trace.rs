//! Which trace a piece of work belongs to.
//!
//! A span that is made with the field [`PARENT`] goes on with the trace that came in with a request or a command; one with
//! the field [`ROOT`] begins a trace; one inside another belongs to the same trace as that. Every other span has none: what
//! nobody asked for is not traced.
//!
//! ```text
//!   gateway            reconciler          host                     guest
//!   request ──command──▶ route ──command──▶ command ─▶ step ──HTTP──▶ log line
//!           traceparent         traceparent          traceparent
//! ```

use std::fmt::Debug;

use roost_schemas::trace::{SpanId, TraceId, TraceParent};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Span, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// The field with the `traceparent` that a span goes on from.
pub const PARENT: &str = "traceparent";
/// The field with the id of the trace that a span begins.
pub const ROOT: &str = "trace_root";

/// What the next process is to be told of the work that is under way here.
pub fn current() -> Option<TraceParent> {
    Span::current().with_subscriber(|(id, dispatch)| {
        let registry = dispatch.downcast_ref::<Registry>()?;
        of(&registry.span(id)?)
    })?
}

/// The place of `span`, or of the innermost span around it that has one.
pub(crate) fn of<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<TraceParent> {
    let place = |span: SpanRef<'a, R>| span.extensions().get::<Place>().map(|place| place.here);
    span.scope().find_map(place)
}

/// A span's place in its trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The span itself.
    pub(crate) here: TraceParent,
    /// The one that it is a part of, here or in the process before.
    pub(crate) parent: Option<SpanId>,
}

/// Gives each span its place in its trace.
pub(crate) struct Traces;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Traces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::default();
        attributes.record(&mut said);
        let from = said.parent.or_else(|| of(&span.parent()?));
        let (trace, sampled) = match (from, said.root) {
            (Some(from), _) => (from.trace, from.sampled),
            (None, Some(trace)) => (trace, true),
            (None, None) => return,
        };
        let here = TraceParent {
            trace,
            span: SpanId::random(),
            sampled,
        };
        let parent = from.map(|from| from.span);
        span.extensions_mut().insert(Place { here, parent });
    }
}

/// What a new span says of where it comes from.
#[derive(Default)]
struct Said {
    parent: Option<TraceParent>,
    root: Option<TraceId>,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if [PARENT, ROOT].contains(&field.name()) {
            // What is recorded with `%` shows itself so, without quotes.
            self.record_str(field, &format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            PARENT => self.parent = value.parse().ok(),
            ROOT => self.root = value.parse().ok(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::{info_span, subscriber};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const CAME_IN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn traced(work: impl FnOnce()) {
        subscriber::with_default(tracing_subscriber::registry().with(Traces), work);
    }

    #[test]
    fn a_span_goes_on_with_the_trace_that_came_in() {
        traced(|| {
            let before: TraceParent = CAME_IN.parse().unwrap();
            let span = info_span!("request", traceparent = %before);
            let here = span.in_scope(current).unwrap();
            assert_eq!(here.trace, before.trace);
            assert_ne!(here.span, before.span);
            assert!(here.sampled);
        });
    }

    #[test]
    fn what_is_inside_belongs_to_the_same_trace() {
        traced(|| {
            let id = TraceId::random();
            let outer = info_span!("request", trace_root = %id).entered();
            let there = current().unwrap();
            let inner = info_span!("step", sandbox = "a").entered();
            let here = current().unwrap();
            assert_eq!((there.trace, here.trace), (id, id));
            assert_ne!(there.span, here.span);
            drop((inner, outer));
        });
    }

    #[test]
    fn what_nobody_asked_for_is_not_traced() {
        traced(|| {
            assert_eq!(current(), None);
            let span = info_span!("sweep", traceparent = "nonsense");
            assert_eq!(span.in_scope(current), None);
        });
    }
}
