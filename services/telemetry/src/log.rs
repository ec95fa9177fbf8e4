//! The log of a process, on its standard error.
//!
//! | variable | |
//! |---|---|
//! | `ROOST_LOG` | what is logged: `info` if it says nothing, else such as `warn,roost_host=debug` |
//! | `ROOST_LOG_FORMAT` | `json`: one object a line; anything else: lines for people |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector that gets the spans, see [`export`] |

mod json;

use std::io::IsTerminal;

use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::{export, trace};
use json::Json;

const FILTER: &str = "ROOST_LOG";
const FORMAT: &str = "ROOST_LOG_FORMAT";

/// Lets this process log as `service`.
pub fn init(service: &'static str) {
    let asked = std::env::var(FILTER).unwrap_or_default();
    let wanted = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let wanted = wanted.parse(&asked).unwrap_or_else(|error| {
        // The log is not set up yet.
        eprintln!("{FILTER} is {asked:?}, which is no filter: {error}; info and above is logged");
        EnvFilter::new("info")
    });
    let is_json = std::env::var(FORMAT).is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = if is_json {
        let layer = fmt::layer()
            .fmt_fields(json::Fields)
            .event_format(Json::new(service));
        layer.with_writer(std::io::stderr).boxed()
    } else {
        let layer = fmt::layer().with_ansi(std::io::stderr().is_terminal());
        layer.with_writer(std::io::stderr).boxed()
    };
    let exported = export::layer(service);
    // Spans are there whatever is logged: they carry the trace on to the next process.
    let filter = wanted.or(filter_fn(is_hop));
    let layer = trace::Traces
        .and_then(lines)
        .and_then(exported)
        .with_filter(filter);
    tracing_subscriber::registry().with(layer).init();
}

/// Whether it is a span of ours that traces are made of.
fn is_hop(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= tracing::Level::INFO && metadata.target().starts_with("roost")
}
