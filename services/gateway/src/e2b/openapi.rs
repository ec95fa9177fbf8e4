//! The description of E2B's routes, as they are here.

mod values;

use utoipa::openapi::link::Link;
use utoipa::openapi::{Deprecated, OpenApi as Document, RefOr};
use utoipa::{Modify, OpenApi, PartialSchema};

use super::errors::Failure;
use super::{
    connect, create, fork, get, kill, list, metrics, network, pause, refreshes, resume, snapshots, templates,
    timeout,
};
use crate::idempotency::IDEMPOTENCY_KEY;
use crate::openapi::{add_parameter, operations};
use values::Values;

/// What all these routes are found under.
pub(super) const TAG: &str = "E2B";

/// The one route for old clients whose id does not end in `_v1`: there is no newer one of its kind.
const RESUME: &str = "e2b_resume";

#[derive(OpenApi)]
#[openapi(
    paths(
        create::v1,
        create::v2,
        list::v1,
        list::v2,
        metrics::many,
        metrics::one,
        get::get,
        kill::kill,
        connect::v1,
        connect::v2,
        timeout::timeout,
        refreshes::refreshes,
        pause::pause,
        resume::resume,
        fork::fork,
        network::network,
        snapshots::create,
        snapshots::list,
        snapshots::delete,
        templates::v1,
        templates::v2,
        templates::alias,
    ),
    components(schemas(Failure)),
    tags((
        name = "E2B",
        description = "E2B's control plane, for its unmodified SDKs: the same sandboxes in another API's words. In a sandbox's path, `<id>-<client>` stands for `<id>`.",
    )),
    modifiers(&Shared, &Values, &Links),
)]
struct Api;

/// What `/openapi.json` tells of E2B's routes.
pub(crate) fn document() -> Document {
    Api::openapi()
}

/// What all writes take, and which routes are there for old clients alone.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            let writes = [&mut item.post, &mut item.put, &mut item.delete];
            for write in writes.into_iter().flatten() {
                let text = "1 to 255 characters A-Z, a-z, 0-9 and - _ . : @, the first neither : nor @. The same request under the same key takes effect once.";
                add_parameter(write, IDEMPOTENCY_KEY, text, String::schema());
            }
            for operation in operations(item) {
                let id = operation.operation_id.as_deref().unwrap_or_default();
                if id.ends_with("_v1") || id == RESUME {
                    operation.deprecated = Some(Deprecated::True);
                }
            }
        }
    }
}

/// Where to go from the answers that tell an id.
struct Links;

impl Modify for Links {
    fn modify(&self, document: &mut Document) {
        for create in ["/sandboxes", "/v2/sandboxes"] {
            link(document, create, "sandboxID", "{id}");
        }
        link(document, "/sandboxes/{id}/snapshots", "snapshotID", "{template}");
    }
}

/// Lets what is made at the path `create` lead to every operation whose path has the parameter `name`, by the field `id`.
fn link(document: &mut Document, create: &str, id: &str, name: &str) {
    let paths = &mut document.paths.paths;
    let targets = paths.iter_mut().filter(|(path, _)| path.contains(name));
    let targets: Vec<String> = targets
        .flat_map(|(_, item)| operations(item))
        .filter_map(|operation| operation.operation_id.clone())
        .collect();
    let create = paths.get_mut(create).and_then(|item| item.post.as_mut());
    let made = create.and_then(|create| create.responses.responses.get_mut("201"));
    let Some(RefOr::T(made)) = made else { return };
    for target in targets {
        let link = Link::builder()
            .operation_id(target.as_str())
            .parameter(name.trim_matches(['{', '}']), format!("$response.body#/{id}"));
        made.links.insert(target, link.build().into());
    }
}
