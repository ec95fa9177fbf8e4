//! Subjects: what is built parses back, and what parses displays as it was.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use proptest::prelude::*;
use roost_schemas::subject::{
    AggregateId, CommandSubject, EventFilter, EventSubject, InvalidSubject, OutputSubject, Route,
};
use roost_schemas::{HostId, ProcessId, SandboxId, TemplateName, TenantId, WebhookId};

use crate::ids::{host, process, sandbox, template, tenant};

fn event_subject() -> impl Strategy<Value = EventSubject> {
    let aggregate = prop_oneof![
        sandbox().prop_map(AggregateId::Sandbox),
        template().prop_map(AggregateId::Template),
        host().prop_map(AggregateId::Host),
        sandbox().prop_map(|id| AggregateId::Webhook(WebhookId::new(id.as_str()).unwrap())),
    ];
    prop_oneof![
        3 => (tenant(), aggregate).prop_map(|(tenant, aggregate)| EventSubject { tenant, aggregate }),
        1 => tenant().prop_map(EventSubject::tenant),
    ]
}

/// A tenant's facts stand under itself.
#[test]
fn a_tenant_stands_under_no_other() {
    assert!("roost.evt.acme.tenant.acme".parse::<EventSubject>().is_ok());
    for bad in [
        "roost.evt.acme.tenant.other",
        "roost.evt.system.tenant.acme",
        "roost.evt.acme.tenant.",
    ] {
        assert!(bad.parse::<EventSubject>().is_err(), "{bad}");
    }
}

fn command_subject() -> impl Strategy<Value = CommandSubject> {
    let route = prop_oneof![
        Just(Route::Any),
        Just(Route::Client),
        host().prop_map(Route::Host)
    ];
    (tenant(), route, sandbox()).prop_map(|(tenant, route, sandbox)| CommandSubject {
        tenant,
        route,
        sandbox,
    })
}

fn output_subject() -> impl Strategy<Value = OutputSubject> {
    (tenant(), sandbox(), process()).prop_map(|(tenant, sandbox, process)| OutputSubject {
        tenant,
        sandbox,
        process,
    })
}

/// Anything at all, and what is nearly a subject.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "roost\\.(evt|cmd|out|in)(\\.(any|sandbox|host|template|[a-z0-9*>_-]{0,42}|\\PC)){0,5}",
    ]
}

fn parses_back<T: FromStr<Err = InvalidSubject> + Display + PartialEq + Debug>(subject: &T) {
    assert_eq!(subject.to_string().parse::<T>().as_ref(), Ok(subject));
}

fn displays_as_parsed<T: FromStr<Err = InvalidSubject> + Display>(text: &str) {
    match text.parse::<T>() {
        Ok(subject) => assert_eq!(subject.to_string(), text),
        Err(error) => assert!(error.to_string().contains(&format!("{text:?}")), "{error}"),
    }
}

/// Whether NATS delivers `subject` to a subscriber of `filter`.
fn matches(filter: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for token in filter.split('.') {
        match (token, subject.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

proptest! {
    #[test]
    fn a_built_subject_parses_to_itself(
        event in event_subject(), command in command_subject(), output in output_subject()
    ) {
        parses_back(&event);
        parses_back(&command);
        parses_back(&output);
    }

    #[test]
    fn a_parsed_subject_displays_as_its_text(text in text()) {
        displays_as_parsed::<EventSubject>(&text);
        displays_as_parsed::<CommandSubject>(&text);
        displays_as_parsed::<OutputSubject>(&text);
    }

    #[test]
    fn a_filter_admits_what_nats_delivers_to_it(
        one in event_subject(), other in event_subject(), same_tenant: bool
    ) {
        let tenant = if same_tenant { one.tenant.clone() } else { other.tenant.clone() };
        let other = EventSubject { tenant, ..other };
        for filter in [EventFilter::All, EventFilter::Tenant(one.tenant.clone()), EventFilter::One(one.clone())] {
            for subject in [&one, &other] {
                prop_assert_eq!(
                    filter.admits(subject), matches(&filter.to_string(), &subject.to_string()),
                    "{} and {}", filter, subject
                );
            }
        }
    }

    #[test]
    fn a_route_gets_its_own_commands_only(command in command_subject(), other in command_subject()) {
        prop_assert!(matches(&command.route.filter(), &command.to_string()));
        prop_assert_eq!(matches(&other.route.filter(), &command.to_string()), other.route == command.route);
    }
}

#[test]
fn subjects_are_what_the_streams_and_the_manual_say() {
    let tenant = || TenantId::new("default").unwrap();
    let sandbox = || SandboxId::new("sb1").unwrap();
    assert_eq!(
        EventSubject::sandbox(tenant(), sandbox()).to_string(),
        "roost.evt.default.sandbox.sb1"
    );
    let template = AggregateId::Template(TemplateName::new("base").unwrap());
    let template = EventSubject {
        tenant: tenant(),
        aggregate: template,
    };
    assert_eq!(template.to_string(), "roost.evt.default.template.base");
    let host = HostId::new("h1").unwrap();
    let host = EventSubject {
        tenant: tenant(),
        aggregate: AggregateId::Host(host),
    };
    assert_eq!(host.to_string(), "roost.evt.default.host.h1");
    let command = CommandSubject {
        tenant: tenant(),
        route: Route::Any,
        sandbox: sandbox(),
    };
    assert_eq!(command.to_string(), "roost.cmd.default.any.sb1");
    let process = ProcessId::new("p1").unwrap();
    let output = OutputSubject {
        tenant: tenant(),
        sandbox: sandbox(),
        process,
    };
    assert_eq!(output.to_string(), "roost.out.default.sb1.p1");
}

#[test]
fn a_refusal_names_the_form_or_the_token() {
    let error = "roost.evt.default.volume.v1".parse::<EventSubject>().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("roost.evt.<tenant>.<sandbox|template|host|tenant|webhook>.<id>"),
        "{error}"
    );
    let error = "roost.cmd.default.*.sb1".parse::<CommandSubject>().unwrap_err();
    assert!(error.to_string().contains("\"*\" is not a host id"), "{error}");
    let error = "roost.out.default.sb1.p1.x".parse::<OutputSubject>().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("roost.out.<tenant>.<sandbox>.<process>"),
        "{error}"
    );
}
