//! What a list is asked for.

use roost_domain::sandbox::Sandbox;
use roost_schemas::{TemplateName, Timestamp};

use super::cursor::{Cursor, Order};
use super::labels;
use crate::e2b::dto::detail::State;
use crate::e2b::dto::template::name as template;
use crate::error::ApiError;
use crate::extract::number;

/// Entries a page has at most, and when its reader names no limit.
const PAGE: usize = 100;

/// The query of a list. Pairs of other names are ignored, as E2B does.
#[derive(Debug)]
pub(super) struct Query {
    /// What a sandbox's metadata must hold.
    pub(super) labels: Vec<(String, String)>,
    pub(super) states: Vec<State>,
    pub(super) order: Order,
    /// The earliest start.
    pub(super) started_after: Option<Timestamp>,
    /// One that does not exist is that of no sandbox.
    pub(super) template: Option<TemplateName>,
    pub(super) limit: usize,
    pub(super) after: Option<Cursor>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            states: vec![State::Running, State::Paused],
            order: Order::default(),
            started_after: None,
            template: None,
            limit: PAGE,
            after: None,
        }
    }
}

impl Query {
    pub(super) fn parse(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut query = Self::default();
        let mut states: Option<Vec<State>> = None;
        for (name, value) in pairs {
            match name.as_str() {
                "metadata" => query.labels.extend(labels::parse(&value)?),
                "state" => {
                    let named = value.split(',').map(state).collect::<Result<Vec<_>, _>>()?;
                    states.get_or_insert_default().extend(named);
                }
                "order" => {
                    let wrong = |()| wrong(&name, &value, "asc or desc");
                    query.order = value.parse().map_err(wrong)?;
                }
                "startedAfter" => query.started_after = Some(instant(&name, &value)?),
                "template" => query.template = Some(template("query template", &value)?),
                "limit" => query.limit = number(&name, &value, 1..=PAGE)?,
                "nextToken" if value.is_empty() => {}
                "nextToken" => {
                    let wrong = |()| wrong(&name, &value, "an X-Next-Token of this list");
                    query.after = Some(value.parse().map_err(wrong)?);
                }
                _ => {}
            }
        }
        query.states = states.unwrap_or(query.states);
        match &query.after {
            Some(after) if after.order != query.order => Err(ApiError::invalid(
                "query nextToken is of a list in the other order: begin that list anew",
            )),
            _ => Ok(query),
        }
    }

    /// Whether a sandbox is asked for.
    pub(super) fn admits(&self, started: Timestamp, sandbox: &Sandbox) -> bool {
        let Some(requested) = &sandbox.requested else {
            return false;
        };
        let spec = &requested.spec;
        let state = State::of(sandbox.phase);
        state.is_some_and(|state| self.states.contains(&state))
            && self.started_after.is_none_or(|bound| started >= bound)
            && self.template.as_ref().is_none_or(|name| *name == spec.template)
            && self
                .labels
                .iter()
                .all(|(key, value)| spec.metadata.get(key) == Some(value))
    }
}

fn wrong(name: &str, value: &str, rule: &str) -> ApiError {
    ApiError::invalid(format!("query {name} is {value:?}: use {rule}"))
}

fn state(text: &str) -> Result<State, ApiError> {
    match text {
        "running" => Ok(State::Running),
        "paused" => Ok(State::Paused),
        _ => Err(wrong("state", text, "running or paused, separated by commas")),
    }
}

fn instant(name: &str, value: &str) -> Result<Timestamp, ApiError> {
    let instant: Result<jiff::Timestamp, _> = value.parse();
    let instant = instant.map_err(|_| wrong(name, value, "a time such as 2026-01-31T12:00:00Z"))?;
    Ok(Timestamp(instant.as_millisecond().try_into().unwrap_or(0)))
}
