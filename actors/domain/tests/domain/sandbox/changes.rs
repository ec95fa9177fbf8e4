//! What may be changed while a sandbox runs: its end, and its network.

use std::time::Duration;

use roost_domain::sandbox::{Command, Phase};
use roost_schemas::command::{SetNetwork, SetTimeout};
use roost_schemas::event::SandboxEvent;
use roost_schemas::network::{MAX_RULES, NetworkPolicy};
use roost_schemas::reply::Code;

use crate::support::{History, create};

fn timeout(timeout_sec: u32, extend: bool) -> Command {
    Command::SetTimeout(SetTimeout { timeout_sec, extend })
}

fn network(policy: &NetworkPolicy) -> Command {
    Command::SetNetwork(SetNetwork {
        policy: policy.clone(),
    })
}

fn closed() -> NetworkPolicy {
    NetworkPolicy {
        internet: false,
        allow: vec!["1.2.3.0/24".parse().unwrap()],
        public: false,
        ..NetworkPolicy::default()
    }
}

#[test]
fn an_extension_never_shortens() {
    let mut history = History::in_phase(Phase::Running);
    let due = history.folded.state.expires_at;
    assert!(history.confirms(timeout(60, true)), "as late as it is already");
    assert!(history.confirms(timeout(59, true)));
    assert_eq!(history.folded.state.expires_at, due);
    history.tell(timeout(61, true)).unwrap();
    let later = history.now.plus(Duration::from_secs(61));
    assert_eq!(history.folded.state.expires_at, Some(later));
    history.tell(timeout(1, false)).unwrap();
    let sooner = history.now.plus(Duration::from_secs(1));
    assert_eq!(history.folded.state.expires_at, Some(sooner));
}

#[test]
fn a_network_is_the_one_asked_for_until_another_is() {
    let mut request = create();
    request.spec.network = closed();
    let mut history = History::default();
    history.tell(Command::Create(request)).unwrap();
    assert_eq!(history.folded.state.network, closed());

    let mut history = History::in_phase(Phase::Running);
    assert!(history.folded.state.network.is_default());
    history.tell(network(&closed())).unwrap();
    assert_eq!(history.folded.state.network, closed());
    assert!(matches!(history.events().last(), Some(SandboxEvent::NetworkSet(set)) if set.policy == closed()));
    assert!(history.confirms(network(&closed())));
    history.tell(network(&NetworkPolicy::default())).unwrap();
    assert!(history.folded.state.network.is_default());
}

#[test]
fn a_network_is_set_only_while_the_sandbox_runs() {
    for phase in [
        Phase::Placed,
        Phase::Starting,
        Phase::Pausing,
        Phase::Paused,
        Phase::Resuming,
        Phase::Stopping,
        Phase::Stopped,
    ] {
        let rejection = History::in_phase(phase).tell(network(&closed())).unwrap_err();
        assert_eq!(rejection.code(), Code::InvalidState, "{phase:?}");
    }
    let rejection = History::default().tell(network(&closed())).unwrap_err();
    assert_eq!(rejection.code(), Code::NotFound);
}

#[test]
fn a_network_that_no_slot_could_carry_out_is_refused_at_the_create_too() {
    let range = "1.2.3.4".parse().unwrap();
    let too_many = NetworkPolicy {
        deny: vec![range; MAX_RULES + 1],
        ..NetworkPolicy::default()
    };
    let masked = |host: &str| NetworkPolicy {
        mask_host: Some(host.to_owned()),
        ..NetworkPolicy::default()
    };
    let named = |internet: bool, deny: &[&str]| NetworkPolicy {
        internet,
        allow: vec!["*.example.com".parse().unwrap()],
        deny: deny.iter().map(|range| range.parse().unwrap()).collect(),
        ..NetworkPolicy::default()
    };
    for (policy, word) in [
        (too_many, "network.deny is 257: at most 256 entries"),
        (named(true, &[]), "network.allow is \"*.example.com\""),
        (masked(""), "network.mask_host is \"\""),
        (masked("a b"), "network.mask_host is \"a b\""),
        (masked(&"a".repeat(254)), "network.mask_host is"),
    ] {
        let rejection = History::in_phase(Phase::Running)
            .tell(network(&policy))
            .unwrap_err();
        assert_eq!(rejection.code(), Code::InvalidRequest);
        assert!(rejection.to_string().starts_with(word), "{rejection}");
        let mut request = create();
        request.spec.network = policy;
        let at_create = History::default().tell(Command::Create(request)).unwrap_err();
        assert_eq!(at_create, rejection);
    }
    let mut history = History::in_phase(Phase::Running);
    history.tell(network(&masked("localhost:${PORT}"))).unwrap();
    history.tell(network(&named(true, &["0.0.0.0/0"]))).unwrap();
    history.tell(network(&named(false, &[]))).unwrap();
}
