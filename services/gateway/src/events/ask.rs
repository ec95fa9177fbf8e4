//! What a request for events asks for, by its query.

use roost_schemas::{SandboxId, Sequence};

use super::hub::Whose;
use super::pick::Pick;
use super::place::Place;
use crate::error::ApiError;
use crate::extract::{number, unknown};
use crate::limits::{DEFAULT_PAGE, MAX_PAGE};
use crate::state::Gateway;

/// What begins the name of a pair that asks for a label.
const LABEL: &str = "metadata.";
/// Values of one kind that a reader may name.
const MAX_NAMED: usize = 100;
/// Letters of a type.
const MAX_TYPE: usize = 40;
/// Whom an operator names to see everybody's.
const EVERYBODY: &str = "*";

/// See the module.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) place: Place,
    /// Events of a page.
    pub(crate) limit: usize,
    pub(crate) pick: Pick,
    /// Whose, if it is said.
    tenant: Option<String>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            place: Place::After(Sequence(0)),
            limit: DEFAULT_PAGE,
            pick: Pick::default(),
            tenant: None,
        }
    }
}

impl Asked {
    /// Reads the pairs of a query about all events; or about those of `sandbox`.
    pub(crate) fn parse(pairs: Vec<(String, String)>, sandbox: Option<&SandboxId>) -> Result<Self, ApiError> {
        let mut asked = Self::default();
        asked.pick.sandboxes.extend(sandbox.cloned());
        for (name, value) in pairs {
            match name.as_str() {
                "after" => asked.place = Place::parse(&value)?,
                "limit" => asked.limit = number("limit", &value, 1..=MAX_PAGE)?,
                "tenant" => asked.tenant = Some(value),
                "type" => asked.pick.kinds.extend(value.split(',').map(str::to_owned)),
                "sandbox" if sandbox.is_none() => asked.add_sandboxes(&value)?,
                _ => match name.strip_prefix(LABEL) {
                    Some(label) if sandbox.is_none() => {
                        asked.pick.labels.insert(label.to_owned(), value);
                    }
                    _ if sandbox.is_some() => {
                        return Err(unknown(&name, "after, limit, type or tenant"));
                    }
                    _ => {
                        let known = "after, limit, sandbox, type, metadata.<key> or tenant";
                        return Err(unknown(&name, known));
                    }
                },
            }
        }
        check(&asked.pick)?;
        Ok(asked)
    }

    fn add_sandboxes(&mut self, value: &str) -> Result<(), ApiError> {
        for id in value.split(',') {
            let id = SandboxId::new(id);
            let id = id.map_err(|error| ApiError::invalid(format!("query sandbox: {error}")))?;
            self.pick.sandboxes.insert(id);
        }
        Ok(())
    }

    /// Whose events are meant, and the gateway as who may see them sees it.
    pub(crate) fn whose(&self, gateway: &Gateway) -> Result<(Gateway, Whose), ApiError> {
        if self.tenant.as_deref() == Some(EVERYBODY) {
            gateway.caller().require_operator()?;
            return Ok((gateway.clone(), None));
        }
        let gateway = gateway.acting_for(self.tenant.as_deref())?;
        let whose = Some(gateway.tenant().clone());
        Ok((gateway, whose))
    }
}

/// Fails if more is named than is looked through for every event, or a type that none can be.
pub(super) fn check(pick: &Pick) -> Result<(), ApiError> {
    let named = [
        ("sandboxes", pick.sandboxes.len()),
        ("types", pick.kinds.len()),
        ("labels", pick.labels.len()),
    ];
    if let Some((what, count)) = named.iter().find(|(_, count)| *count > MAX_NAMED) {
        let message = format!("{count} {what} are named: name at most {MAX_NAMED}");
        return Err(ApiError::invalid(message));
    }
    let is_type = |kind: &&String| {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=MAX_TYPE).contains(&kind.len()) && kind.bytes().all(known)
    };
    match pick.kinds.iter().find(|kind| !is_type(kind)) {
        None => Ok(()),
        Some(kind) => Err(ApiError::invalid(format!(
            "{kind:?} is no type of events: use words such as running"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Asked, ApiError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Asked::parse(pairs.iter().map(owned).collect(), None)
    }

    #[test]
    fn filters_are_named_by_commas_or_again() {
        let asked = parse(&[
            ("type", "running,paused"),
            ("type", "stopped"),
            ("sandbox", "a,b"),
            ("metadata.owner", "ci"),
            ("after", "5"),
            ("limit", "7"),
        ])
        .unwrap();
        assert_eq!(asked.place, Place::After(Sequence(5)));
        assert_eq!((asked.limit, asked.pick.kinds.len()), (7, 3));
        assert_eq!(
            (asked.pick.sandboxes.len(), &asked.pick.labels["owner"][..]),
            (2, "ci")
        );
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let many = vec!["x"; MAX_NAMED + 1];
        let many: Vec<_> = many.iter().enumerate().map(|(n, x)| x.repeat(n + 1)).collect();
        for (name, value, word) in [
            ("colour", "red", "colour"),
            ("limit", "0", "limit"),
            ("after", "soon", "soon"),
            ("sandbox", "A-b", "sandbox"),
            ("type", &many.join(","), "types"),
            ("type", "Running", "Running"),
            ("type", "", "\"\""),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert!(error.message.contains(word), "{error}");
        }
        let id = SandboxId::new("a").unwrap();
        let pairs = vec![("sandbox".to_owned(), "b".to_owned())];
        assert!(Asked::parse(pairs, Some(&id)).is_err());
    }
}
