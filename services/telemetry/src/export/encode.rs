//! Spans as `ExportTraceServiceRequest` in OTLP's JSON: ids in hexadecimal, 64-bit numbers as text.

use serde_json::{Value, json};

use super::Span;

/// A span that takes a request, and one inside.
const SERVER: u8 = 2;
const INTERNAL: u8 = 1;

/// The body of one request.
pub(super) fn request(service: &str, spans: &[Span]) -> Value {
    let resource = [
        ("service.name", Value::from(service)),
        ("service.version", env!("CARGO_PKG_VERSION").into()),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes(&resource)},
        "scopeSpans": [{
            "scope": {"name": "roost"},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(span: &Span) -> Value {
    let Span { place, name, .. } = span;
    // A span that begins a process' part of the trace serves who is outside.
    let kind = if matches!(*name, "request" | "command") {
        SERVER
    } else {
        INTERNAL
    };
    let mut told = json!({
        "traceId": place.here.trace.to_string(),
        "spanId": place.here.span.to_string(),
        "name": title(span),
        "kind": kind,
        "startTimeUnixNano": span.began.to_string(),
        "endTimeUnixNano": span.ended.to_string(),
        "attributes": attributes(&span.attributes),
    });
    if let Some(parent) = place.parent {
        told["parentSpanId"] = parent.to_string().into();
    }
    told
}

/// The span's name, with the word that tells it from others of that name.
fn title(span: &Span) -> String {
    let telling = ["kind", "step", "phase", "method"];
    let mut words = span.attributes.iter().filter(|(key, _)| telling.contains(key));
    match words.find_map(|(_, value)| value.as_str()) {
        Some(word) => format!("{} {word}", span.name),
        None => span.name.to_owned(),
    }
}

fn attributes(pairs: &[(&'static str, Value)]) -> Value {
    let one = |(key, value): &(&'static str, Value)| {
        let value = match value {
            Value::Bool(value) => json!({"boolValue": value}),
            Value::Number(value) => json!({"intValue": value.to_string()}),
            Value::String(value) => json!({"stringValue": value}),
            other => json!({"stringValue": other.to_string()}),
        };
        json!({"key": key, "value": value})
    };
    pairs.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use roost_schemas::trace::SpanId;

    use super::*;
    use crate::trace::Place;

    #[test]
    fn a_span_is_written_as_the_specification_has_it() {
        let place = Place {
            here: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                .parse()
                .unwrap(),
            parent: Some(SpanId(7.try_into().unwrap())),
        };
        let spans = [Span {
            place,
            name: "step",
            attributes: vec![("step", "start".into()), ("generation", 3.into())],
            began: 1,
            ended: 2,
        }];
        let told = request("roost-host", &spans);
        let resource = &told["resourceSpans"][0];
        assert_eq!(
            resource["resource"]["attributes"][0],
            json!({"key": "service.name", "value": {"stringValue": "roost-host"}})
        );
        assert_eq!(
            resource["scopeSpans"][0]["spans"][0],
            json!({
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                "spanId": "00f067aa0ba902b7",
                "parentSpanId": "0000000000000007",
                "name": "step start",
                "kind": INTERNAL,
                "startTimeUnixNano": "1",
                "endTimeUnixNano": "2",
                "attributes": [
                    {"key": "step", "value": {"stringValue": "start"}},
                    {"key": "generation", "value": {"intValue": "3"}},
                ],
            })
        );
    }
}
