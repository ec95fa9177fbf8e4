//! Which events a reader wants.

use std::collections::{BTreeMap, BTreeSet};

use roost_domain::fleet::Fleet;
use roost_schemas::subject::{AggregateId, EventFilter, EventSubject};
use roost_schemas::{SandboxId, TenantId};

/// What a reader asked for; what is empty admits everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pick {
    /// These sandboxes alone.
    pub(crate) sandboxes: BTreeSet<SandboxId>,
    /// Events of these types alone.
    pub(crate) kinds: BTreeSet<String>,
    /// Sandboxes with these labels alone.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Pick {
    /// The narrowest filter that the log has for it.
    pub(crate) fn filter(&self, tenant: Option<&TenantId>) -> EventFilter {
        let Some(tenant) = tenant else {
            return EventFilter::All;
        };
        let mut sandboxes = self.sandboxes.iter();
        match (sandboxes.next(), sandboxes.next()) {
            (Some(one), None) => EventFilter::One(EventSubject::sandbox(tenant.clone(), one.clone())),
            _ => EventFilter::Tenant(tenant.clone()),
        }
    }

    /// Whether it asks for labels, which the fleet must be asked for.
    pub(crate) fn needs_fleet(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whether events about `subject` are wanted, labels aside.
    pub(crate) fn admits(&self, subject: &EventSubject) -> bool {
        match &subject.aggregate {
            AggregateId::Sandbox(id) => self.sandboxes.is_empty() || self.sandboxes.contains(id),
            _ => self.sandboxes.is_empty() && self.labels.is_empty(),
        }
    }

    /// Whether what `subject` is about has the labels.
    pub(crate) fn labelled(&self, fleet: &Fleet, subject: &EventSubject) -> bool {
        let AggregateId::Sandbox(id) = &subject.aggregate else {
            return self.labels.is_empty();
        };
        let view = fleet.sandbox(&subject.tenant, id);
        let carried = view.and_then(|view| Some(&view.state.requested.as_ref()?.spec.metadata));
        carried.is_some_and(|carried| {
            let mut wanted = self.labels.iter();
            wanted.all(|(key, value)| carried.get(key) == Some(value))
        })
    }

    /// Whether an event of this type is wanted.
    pub(crate) fn admits_kind(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(kind)
    }
}

#[cfg(test)]
mod tests {
    use roost_schemas::TemplateName;

    use super::*;

    fn sandbox(id: &str) -> EventSubject {
        EventSubject::sandbox(TenantId::first(), SandboxId::new(id).unwrap())
    }

    #[test]
    fn one_sandbox_is_read_by_its_subject() {
        let first = TenantId::first();
        let mut pick = Pick::default();
        assert_eq!(pick.filter(Some(&first)), EventFilter::Tenant(first.clone()));
        assert_eq!(pick.filter(None), EventFilter::All);
        pick.sandboxes.insert(SandboxId::new("a").unwrap());
        assert_eq!(pick.filter(Some(&first)), EventFilter::One(sandbox("a")));
        pick.sandboxes.insert(SandboxId::new("b").unwrap());
        assert_eq!(pick.filter(Some(&first)), EventFilter::Tenant(first));
    }

    #[test]
    fn who_asks_for_sandboxes_gets_nothing_else() {
        let mut pick = Pick::default();
        let template = EventSubject {
            tenant: TenantId::first(),
            aggregate: AggregateId::Template(TemplateName::new("t").unwrap()),
        };
        assert!(pick.admits(&sandbox("a")) && pick.admits(&template));
        pick.labels.insert("owner".to_owned(), "ci".to_owned());
        assert!(pick.admits(&sandbox("a")) && !pick.admits(&template));
        pick.sandboxes.insert(SandboxId::new("b").unwrap());
        assert!(!pick.admits(&sandbox("a")) && pick.admits(&sandbox("b")));
        assert!(
            !pick.labelled(&Fleet::default(), &sandbox("b")),
            "nobody knows its labels"
        );
    }
}
