//! The agent's `/files`: contents that stream through, however large.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, header};
use bytes::Bytes;
use roost_proxy::{Exchange, Lease};

use super::{Agent, Context};
use crate::error::{ApiError, Code};

/// What a client may say of the contents it sends or wants.
const ASKED: [HeaderName; 7] = [
    header::ACCEPT_ENCODING,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::IF_MODIFIED_SINCE,
    header::IF_RANGE,
    header::RANGE,
];
/// What an agent may say of the contents it sends.
const TOLD: [HeaderName; 9] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::VARY,
];
/// Bytes of a refusal that are read.
const MAX_WORDS: usize = 16 << 10;

/// Which file, and as whom.
pub(crate) struct Wanted<'a> {
    /// Its path; absent where the body's parts name theirs.
    pub(crate) path: Option<&'a str>,
    /// Absent: the template's default user.
    pub(crate) user: Option<&'a str>,
}

impl Wanted<'_> {
    fn uri(&self) -> Result<Uri, ApiError> {
        let path = self.path.map(|path| ("path", path));
        let user = self.user.map(|user| ("username", user));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(path)
            .extend_pairs(user)
            .finish();
        format!("/files?{query}")
            .parse()
            .map_err(|error| ApiError::invalid(format!("the path or the user is too long: {error}")))
    }
}

impl Agent {
    /// Calls `/files` with a body and those of a client's headers that are about contents. Answers with the same of the
    /// agent's, if it succeeds.
    pub(crate) async fn files(
        &self,
        context: Context<'_>,
        method: Method,
        wanted: Wanted<'_>,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response<Body>, ApiError> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = wanted.uri()?;
        request.headers_mut().extend(self.headers.clone());
        copy(headers, request.headers_mut(), &ASKED);
        let exchange =
            Exchange::new(request).map_err(|unfit| ApiError::new(Code::Internal, unfit.to_string()))?;
        let forwarded = self
            .agents
            .http
            .forward(exchange, self.edge.clone(), Lease::free());
        let response = forwarded.await.map_err(|error| context.forward(&error))?;
        if let Some(error) = context.edge(response.headers()) {
            return Err(error);
        }
        let (parts, body) = response.into_parts();
        let body = Body::new(body);
        // A client that has it already is told so.
        if !parts.status.is_success() && parts.status != StatusCode::NOT_MODIFIED {
            let words = to_bytes(body, MAX_WORDS).await.unwrap_or_default();
            return Err(context.http(parts.status, &message(&words)));
        }
        let mut response = Response::new(body);
        *response.status_mut() = parts.status;
        copy(&parts.headers, response.headers_mut(), &TOLD);
        Ok(response)
    }
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
    }
}

/// The agent's own words: its refusals are `{"code":…,"message":…}`.
fn message(body: &Bytes) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    match serde_json::from_slice(body) {
        Ok(Refusal { message }) => message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}
