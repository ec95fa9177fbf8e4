//! `GET /v1/sandboxes`: those that live, or those in the states asked for, page by page in the order of their ids.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use axum::response::Response;
use roost_domain::fleet::{Fleet, View};
use roost_domain::sandbox::{Phase, Sandbox as Folded};
use roost_schemas::{SandboxId, TenantId};

use super::answer;
use crate::dto::sandbox::{Sandbox, SandboxPage};
use crate::error::{ApiError, ListErrors};
use crate::extract::{Pairs, number, unknown};
use crate::limits::{DEFAULT_PAGE, MAX_PAGE};
use crate::sequence::MinSequence;
use crate::state::Gateway;

/// What begins the name of a pair that asks for a label.
const LABEL: &str = "metadata.";

/// List sandboxes
///
/// Those that live, unless `state` asks for others. `metadata.<key>=<value>`, once or more, lists those that carry the
/// labels.
#[utoipa::path(
    get,
    path = "/v1/sandboxes",
    operation_id = "list_sandboxes",
    tag = "sandboxes",
    params(
        ("limit" = Option<u16>, Query, description = "Entries of a page: 1 to 1000; 100 if absent."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
        ("state" = Option<String>, Query, description = "States separated by commas, such as `stopped,lost,failed`."),
        ("metadata.{key}" = Option<String>, Query, description = "The value that this label must have.",
            example = "metadata.owner=ci"),
    ),
    responses((status = 200, description = "A page.", body = SandboxPage), ListErrors)
)]
pub(crate) async fn list(
    gateway: Gateway,
    min: MinSequence,
    Pairs(pairs): Pairs,
) -> Result<Response, ApiError> {
    let wanted = Wanted::parse(pairs)?;
    gateway.reach(min.0).await?;
    let sequence = gateway.fleet().applied();
    let page = gateway.fleet().read(|fleet| wanted.page(fleet, gateway.tenant()));
    Ok(answer(StatusCode::OK, sequence, page))
}

#[derive(Debug)]
struct Wanted {
    limit: usize,
    after: Option<SandboxId>,
    states: BTreeSet<&'static str>,
    labels: BTreeMap<String, String>,
}

impl Wanted {
    fn parse(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        let live = Phase::SEEN
            .iter()
            .filter(|state| !state.is_end())
            .map(|state| state.as_str());
        let mut wanted = Self {
            limit: DEFAULT_PAGE,
            after: None,
            states: live.collect(),
            labels: BTreeMap::new(),
        };
        for (name, value) in pairs {
            match name.as_str() {
                "limit" => wanted.limit = number("limit", &value, 1..=MAX_PAGE)?,
                "cursor" => {
                    let id = SandboxId::new(&value);
                    wanted.after = Some(id.map_err(|_| {
                        ApiError::invalid(format!(
                            "query cursor is {value:?}: use a next_cursor of this list"
                        ))
                    })?);
                }
                "state" => wanted.states = value.split(',').map(state).collect::<Result<_, _>>()?,
                _ => match name.strip_prefix(LABEL) {
                    Some(label) => {
                        wanted.labels.insert(label.to_owned(), value);
                    }
                    None => return Err(unknown(&name, "limit, cursor, state or metadata.<key>")),
                },
            }
        }
        Ok(wanted)
    }

    /// Whoever stands still because it cannot be read is not listed: what is known of it may long be wrong.
    fn page(&self, fleet: &Fleet, tenant: &TenantId) -> SandboxPage {
        let ended = Phase::SEEN
            .iter()
            .any(|state| state.is_end() && self.states.contains(state.as_str()));
        // What lives is indexed, what has ended is the whole history.
        let mut found = if ended {
            self.pick(fleet, fleet.sandboxes(), tenant)
        } else {
            self.pick(fleet, fleet.live(), tenant)
        };
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next_cursor = more.then(|| found.last().map(|(id, _)| id.to_string())).flatten();
        let sandboxes = found
            .into_iter()
            .filter_map(|(id, view)| Sandbox::of(id, view))
            .collect();
        SandboxPage {
            sandboxes,
            next_cursor,
        }
    }

    /// The page's entries, and one more if there is one.
    fn pick<'a>(
        &self,
        fleet: &Fleet,
        all: impl Iterator<Item = (&'a TenantId, &'a SandboxId, &'a View<Folded>)>,
        tenant: &TenantId,
    ) -> Vec<(&'a SandboxId, &'a View<Folded>)> {
        all.filter(|(owner, id, view)| *owner == tenant && self.admits(id, view))
            .filter(|(_, id, _)| fleet.unreadable_sandbox(tenant, id).is_none())
            .map(|(_, id, view)| (id, view))
            .take(self.limit + 1)
            .collect()
    }

    fn admits(&self, id: &SandboxId, view: &View<Folded>) -> bool {
        let carries = |requested: &roost_schemas::event::Requested| {
            self.labels
                .iter()
                .all(|(key, value)| requested.spec.metadata.get(key) == Some(value))
        };
        self.after.as_ref().is_none_or(|after| id > after)
            && self.states.contains(view.state.phase.as_str())
            && view.state.requested.as_ref().is_some_and(carries)
    }
}

fn state(word: &str) -> Result<&'static str, ApiError> {
    let known = Phase::SEEN.iter().map(|state| state.as_str());
    known.clone().find(|state| *state == word).ok_or_else(|| {
        let known: Vec<_> = known.collect();
        ApiError::invalid(format!(
            "query state has {word:?}: use {}, separated by commas",
            known.join(", ")
        ))
    })
}
