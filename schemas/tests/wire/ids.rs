//! Identifiers: what their rules promise to subjects, paths and headers.

use proptest::prelude::*;
use roost_schemas::{
    CommandId, Generation, HostId, KeyId, ProcessId, SandboxId, SnapshotId, TemplateName, TenantId, WebhookId,
};

const WORD: &str = "[a-z0-9]{1,40}";
const TOKEN: &str = "[a-z0-9][a-z0-9_-]{0,39}";

pub(crate) fn sandbox() -> impl Strategy<Value = SandboxId> {
    WORD.prop_map(|text| SandboxId::new(text).unwrap())
}

pub(crate) fn process() -> impl Strategy<Value = ProcessId> {
    WORD.prop_map(|text| ProcessId::new(text).unwrap())
}

pub(crate) fn tenant() -> impl Strategy<Value = TenantId> {
    TOKEN.prop_map(|text| TenantId::new(text).unwrap())
}

pub(crate) fn host() -> impl Strategy<Value = HostId> {
    TOKEN.prop_filter_map("any is no host", |text| HostId::new(text).ok())
}

pub(crate) fn template() -> impl Strategy<Value = TemplateName> {
    "[a-z0-9][a-z0-9_-]{0,62}".prop_map(|text| TemplateName::new(text).unwrap())
}

fn command() -> impl Strategy<Value = CommandId> {
    "[A-Za-z0-9_.:@-]{1,128}".prop_map(|text| CommandId::new(text).unwrap())
}

/// Nothing that NATS, a file system or a header gives a meaning to.
fn is_harmless(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(['.', '*', '>', '/', '\\', '\0'])
        && !text.contains(char::is_whitespace)
}

proptest! {
    #[test]
    fn a_text_is_taken_as_it_is_or_refused(text in prop_oneof![any::<String>(), "[ -~]{0,130}", "[a-z0-9]{0,64}"]) {
        macro_rules! check {
            ($($id:ty),*) => {$(
                match <$id>::new(&text) {
                    Ok(id) => {
                        prop_assert_eq!(id.as_str(), &text);
                        prop_assert!(text.len() <= 128 && text.is_ascii() && !text.is_empty());
                        let json = serde_json::to_string(&id).unwrap();
                        prop_assert_eq!(serde_json::from_str::<$id>(&json).unwrap(), id);
                    }
                    Err(error) => {
                        prop_assert!(error.value.chars().count() <= 80);
                        prop_assert!(serde_json::from_value::<$id>(text.clone().into()).is_err());
                    }
                }
            )*};
        }
        check!(SandboxId, TenantId, HostId, TemplateName, CommandId, ProcessId, SnapshotId);
    }

    #[test]
    fn whatever_stands_in_a_subject_or_a_path_is_harmless(text in "[ -~]{1,4}") {
        let ids = [
            SandboxId::new(&text).map(String::from),
            TenantId::new(&text).map(String::from),
            HostId::new(&text).map(String::from),
            TemplateName::new(&text).map(String::from),
            ProcessId::new(&text).map(String::from),
            SnapshotId::new(&text).map(String::from),
        ];
        for id in ids.into_iter().flatten() {
            prop_assert!(is_harmless(&id), "{:?}", id);
        }
    }

    #[test]
    fn a_derived_id_keeps_the_rules_and_depends_on_both_parts(
        tenants in (tenant(), tenant()), commands in (command(), command())
    ) {
        let sandbox = SandboxId::from_command(&tenants.0, &commands.0);
        prop_assert_eq!(SandboxId::new(sandbox.as_str()), Ok(sandbox.clone()));
        let process = ProcessId::from_command(&sandbox, &commands.0);
        prop_assert_eq!(ProcessId::new(process.as_str()), Ok(process.clone()));
        let snapshot = SnapshotId::from_command(&sandbox, &commands.0);
        let compacted = SnapshotId::compacted(&snapshot, 1);
        let booted = SnapshotId::of_boot(&[tenants.0.as_str(), commands.0.as_str()]);
        for id in [&snapshot, &compacted, &booted] {
            prop_assert_eq!(SnapshotId::new(id.as_str()), Ok(id.clone()));
        }
        prop_assert_ne!(&snapshot, &compacted);
        prop_assert_eq!(snapshot == SnapshotId::from_command(&sandbox, &commands.1), commands.0 == commands.1);
        prop_assert_eq!(sandbox == SandboxId::from_command(&tenants.1, &commands.0), tenants.0 == tenants.1);
        prop_assert_eq!(sandbox == SandboxId::from_command(&tenants.0, &commands.1), commands.0 == commands.1);
    }

    #[test]
    fn a_report_has_a_valid_id_whatever_the_fact(
        sandbox in sandbox(), generation: u64, facts in (".{0,200}", "[a-z0-9.]{1,60}")
    ) {
        let id = |fact| CommandId::report(&sandbox, Generation(generation), fact);
        for fact in [&facts.0, &facts.1] {
            prop_assert_eq!(CommandId::new(id(fact).as_str()), Ok(id(fact)));
        }
        prop_assert_eq!(id(&facts.0) == id(&facts.1), facts.0 == facts.1);
        prop_assert!(id(&facts.1).as_str().ends_with(&facts.1), "a fact that fits stays readable");
    }
}

#[test]
fn parts_of_a_derived_id_do_not_run_into_each_other() {
    let id = |tenant: &str, command: &str| {
        SandboxId::from_command(&TenantId::new(tenant).unwrap(), &CommandId::new(command).unwrap())
    };
    assert_ne!(id("ab", "c"), id("a", "bc"));
    let booted = |parts: &[&str]| SnapshotId::of_boot(parts);
    assert_ne!(booted(&["ab", "c"]), booted(&["a", "bc"]));
    assert_ne!(booted(&["a", ""]), booted(&["a"]));
}

/// Sandboxes are found again by the id of the command that made them, by any release.
#[test]
fn derived_ids_stay_as_they_are() {
    let sandbox = SandboxId::from_command(&TenantId::new("default").unwrap(), &CommandId::new("k1").unwrap());
    let process = ProcessId::from_command(&sandbox, &CommandId::new("k2").unwrap());
    assert_eq!(
        (sandbox.as_str(), process.as_str()),
        ("sb60c0a57820ea303866b4", "pcb35d1f34159f7e8de59")
    );
    let snapshot = SnapshotId::from_command(&sandbox, &CommandId::new("k2").unwrap());
    let compacted = SnapshotId::compacted(&snapshot, 1);
    let booted = SnapshotId::of_boot(&["image", "kernel"]);
    assert_eq!(
        (snapshot.as_str(), compacted.as_str(), booted.as_str()),
        (
            "sn9a9b7214cbec06193c4b",
            "sn771bb38df259ab1d9d14",
            "bootfc718ab255d5721f889d"
        )
    );
    let (acme, made) = (TenantId::new("acme").unwrap(), CommandId::new("k1").unwrap());
    let (key, webhook) = (
        KeyId::from_command(&acme, &made),
        WebhookId::from_command(&acme, &made),
    );
    assert_eq!(
        (key.as_str(), webhook.as_str()),
        ("k9133cd95c633fe4fcaba", "wh9cb17b624b98b5db2bef")
    );
    let report = CommandId::report(&SandboxId::new("sb1").unwrap(), Generation(2), "started");
    assert_eq!(report.as_str(), "@sb1.2.started");
    assert!(report.is_report() && report.is_reserved());
    let system = CommandId::system(&SandboxId::new("sb1").unwrap(), Generation(2), "start");
    assert_eq!(system.as_str(), ":sb1.2.start");
    assert!(!system.is_report() && system.is_reserved());
    assert!(!CommandId::random().is_reserved());
}

#[test]
fn random_command_ids_differ_and_keep_the_rules() {
    let (a, b) = (CommandId::random(), CommandId::random());
    assert_ne!(a, b);
    assert_eq!(CommandId::new(a.as_str()), Ok(a));
}
