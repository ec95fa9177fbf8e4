//! The description of the API, from the routes themselves and from what all of them share.

pub(crate) mod values;

use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi as Document, RefOr, Required};
use utoipa::{Modify, OpenApi, PartialSchema};

use crate::e2b;
use crate::error::ErrorBody;
use crate::error::responses::header;
use crate::idempotency::IDEMPOTENCY_KEY;
use crate::routes;
use crate::sequence::{MIN_SEQUENCE, SEQUENCE};
use values::Values;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Roost",
        description = "Sandboxes for untrusted code: each a microVM, each a supervised actor, every change an event in a log.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        routes::create::create,
        routes::list::list,
        routes::get::get,
        routes::delete::delete,
        routes::pause::pause,
        routes::resume::resume,
        routes::fork::fork,
        routes::timeout::timeout,
        routes::network::network,
        routes::exec::exec,
        routes::stream::stream,
        routes::processes::list::list,
        routes::processes::signal::signal,
        routes::processes::stdin::stdin,
        routes::files::write::write,
        routes::files::read::read,
        routes::files::stream_write::stream_write,
        routes::files::stream_read::stream_read,
        routes::files::list::list,
        routes::files::stat::stat,
        routes::files::mkdir::mkdir,
        routes::files::rename::rename,
        routes::files::remove::remove,
        routes::events::all::list,
        routes::events::sandbox::list,
        routes::snapshots::create::create,
        routes::snapshots::list::list,
        routes::snapshots::delete::delete,
        routes::templates::list,
        routes::tenants::create::create,
        routes::tenants::list::list,
        routes::tenants::get::get,
        routes::tenants::limits::limits,
        routes::keys::create::create,
        routes::keys::list::list,
        routes::keys::revoke::revoke,
        routes::webhooks::create::create,
        routes::webhooks::list::list,
        routes::webhooks::get::get,
        routes::webhooks::delete::delete,
        routes::webhooks::secret::secret,
        routes::webhooks::dead_letters::dead_letters,
        routes::webhooks::redeliver::redeliver,
        routes::hosts::list,
        routes::log::log,
        routes::health::health,
        routes::metrics::metrics,
        routes::openapi::openapi,
        routes::docs::page,
        routes::docs::part,
    ),
    components(schemas(ErrorBody)),
    tags(
        (name = "sandboxes", description = "Make them, look at them, run programs in them, pause and fork them, end them."),
        (name = "processes", description = "Programs that run: straight to the sandbox's agent, past the log, so without `Roost-Sequence`."),
        (name = "files", description = "A sandbox's files: straight to its agent, past the log, so without `Roost-Sequence` and `Idempotency-Key`."),
        (name = "events", description = "What happened and what happens: by the page, as server-sent events, over a WebSocket."),
        (name = "fleet", description = "What sandboxes start from, and where they run."),
        (name = "tenants", description = "Whose sandboxes these are, how much each may have, and who may act for it."),
        (name = "webhooks", description = "Where a tenant is told what happens to its sandboxes, without asking."),
        (name = "gateway", description = "The gateway itself."),
    ),
    modifiers(&Shared, &Values),
)]
struct Api;

/// The document that `/openapi.json` answers.
pub fn document() -> Document {
    Api::openapi().merge_from(e2b::document())
}

/// What every route behind the key shares: the key, and the headers of reads and of writes.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
        components.add_security_scheme("api_key", header);
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        document.security = Some(
            ["api_key", "bearer"]
                .map(|name| SecurityRequirement::new::<_, [&str; 0], _>(name, []))
                .into(),
        );
        for (path, item) in &mut document.paths.paths {
            if !path.starts_with("/v1/") {
                continue;
            }
            if let Some(read) = item.get.as_mut().filter(|read| !is_past_the_log(read)) {
                let text = "Answer only once this place in the log is reached, such as the `Roost-Sequence` of a write; 503 if it is not in time.";
                add_parameter(read, MIN_SEQUENCE, text, u64::schema());
                add_header::<u64>(read, SEQUENCE, "The place in the log that the answer shows.");
            }
            let writes = [&mut item.post, &mut item.put, &mut item.delete];
            for write in writes
                .into_iter()
                .flatten()
                .filter(|write| !is_past_the_log(write))
            {
                let text = "The command's id: 1 to 128 characters A-Z, a-z, 0-9 and - _ . : @, the first neither : nor @. The same request under the same key takes effect once.";
                add_parameter(write, IDEMPOTENCY_KEY, text, String::schema());
                add_header::<u64>(write, SEQUENCE, "The place in the log at which the write stands.");
                let text = "The key given, or the one made for this request.";
                add_header::<String>(write, IDEMPOTENCY_KEY, text);
            }
        }
    }
}

/// Whether it goes to a sandbox's agent, so that the log has no place for it.
fn is_past_the_log(operation: &Operation) -> bool {
    let tags = operation.tags.iter().flatten();
    tags.into_iter().any(|tag| tag == "processes" || tag == "files")
}

/// What can be asked for at a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
    operations.into_iter().flatten()
}

/// Adds a header that requests may have.
pub(crate) fn add_parameter(
    operation: &mut Operation,
    name: &str,
    text: &str,
    schema: RefOr<utoipa::openapi::Schema>,
) {
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(text))
        .schema(Some(schema));
    operation
        .parameters
        .get_or_insert_default()
        .push(parameter.build().into());
}

/// Adds a header to the answers of those that succeed.
fn add_header<T: PartialSchema>(operation: &mut Operation, name: &str, text: &str) {
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            response.headers.insert(name.to_owned(), header::<T>(text).into());
        }
    }
}
