//! The routes about events, and what they share: one answer, as a page or in either form of a stream.

pub(crate) mod all;
pub(crate) mod sandbox;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use roost_schemas::Sequence;

use super::answer;
use crate::admission;
use crate::error::ApiError;
use crate::events::{Asked, Form, Place, Source, Whose, page, stream, upgrade};
use crate::server::Hangup;
use crate::state::Gateway;

/// What a browser's `EventSource` sends when it comes again.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// In which form the events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Page,
    Stream(Form),
}

impl Wanted {
    fn of(headers: &HeaderMap) -> Self {
        let has = |name, word: &str| {
            let mut values = headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok());
            values.any(|value| {
                let mut listed = value.split([',', ';']);
                listed.any(|listed| listed.trim().eq_ignore_ascii_case(word))
            })
        };
        if has(header::UPGRADE, "websocket") {
            Self::Stream(Form::Socket)
        } else if has(header::ACCEPT, "text/event-stream") {
            Self::Stream(Form::Sse)
        } else {
            Self::Page
        }
    }
}

/// Answers with what was asked for. A page shows at least what the log had at `known`.
async fn tell(
    gateway: Gateway,
    whose: Whose,
    asked: Asked,
    known: Sequence,
    request: Request,
) -> Result<Response, ApiError> {
    let after = asked.place.resolve(&gateway).await?;
    let form = match Wanted::of(request.headers()) {
        Wanted::Stream(form) => form,
        Wanted::Page => {
            let claim = gateway.admission().read()?;
            gateway.reach(after).await?;
            let page = page(&gateway, &whose, &asked.pick, after, asked.limit).await?;
            let shown = known.max(Sequence(page.next_after));
            return Ok(admission::hold(claim, answer(StatusCode::OK, shown, page)));
        }
    };
    let last_id = request
        .headers()
        .get(LAST_EVENT_ID)
        .and_then(|id| id.to_str().ok());
    let after = match (form, last_id) {
        (Form::Sse, Some(id)) if !id.is_empty() => Place::parse(id)?.resolve(&gateway).await?,
        _ => after,
    };
    gateway.reach(after).await?;
    let seat = gateway.seats().claim(gateway.tenant())?;
    let hub = gateway.hub().await?;
    let source = Source::new(gateway, hub, &whose, asked.pick, after, form);
    match form {
        Form::Socket => upgrade(request, source, seat),
        Form::Sse => Ok(stream(
            source,
            seat,
            request.extensions().get::<Hangup>().cloned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_headers_ask_for() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter();
            let headers = pairs.map(|(name, value)| {
                (
                    name.parse::<header::HeaderName>().unwrap(),
                    value.parse().unwrap(),
                )
            });
            Wanted::of(&headers.collect())
        };
        assert_eq!(of(&[]), Wanted::Page);
        assert_eq!(of(&[("accept", "application/json")]), Wanted::Page);
        let sse = [("accept", "text/html, text/event-stream;q=0.9")];
        assert_eq!(of(&sse), Wanted::Stream(Form::Sse));
        let socket = [("upgrade", "WebSocket"), ("accept", "text/event-stream")];
        assert_eq!(of(&socket), Wanted::Stream(Form::Socket));
    }
}
