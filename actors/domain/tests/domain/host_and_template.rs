//! Hosts and templates say what they are; saying it again is no news.

use proptest::collection::vec;
use proptest::prelude::*;
use roost_domain::host::{self, Host};
use roost_domain::template::{self, Template};
use roost_domain::{Aggregate, Decision, Folded, Rejection};
use roost_schemas::command::Envelope;
use roost_schemas::event::{EngineKind, HostDown, HostRegistered, TemplateFromSnapshot, TemplateRegistered};
use roost_schemas::reply::Code;
use roost_schemas::spec::Resources;
use roost_schemas::{Sequence, Timestamp};

use crate::support::{RESOURCES, command_id, life_id, sandbox_id, snapshot, template_name};

/// Asks, folds in what follows, and tells whether anything did.
fn tell<A: Aggregate>(folded: &mut Folded<A>, command: A::Command) -> Result<bool, Rejection> {
    let sequence = Sequence(folded.sequence.0 + 1);
    let command_id = command_id(&format!("c{sequence}"));
    let envelope = Envelope {
        command_id,
        at: Timestamp(1),
        principal: "test".into(),
        command,
    };
    let decision = folded.decide(&envelope)?;
    if let Decision::Commit(commit) = &decision {
        folded.apply(sequence, commit);
    }
    Ok(matches!(decision, Decision::Commit(_)))
}

fn registered(memory_mb: u32) -> HostRegistered {
    HostRegistered {
        capacity: Resources { vcpus: 8, memory_mb },
        max_sandboxes: 10,
        engine: EngineKind::Qemu,
        engine_version: "10.0.8".into(),
        release: "0.1.0".into(),
        edge: None,
        lease: 0,
    }
}

fn content(digest: &str, vcpus: u32, memory_mb: u32) -> template::Command {
    let defaults = Resources { vcpus, memory_mb };
    template::Command::Register(TemplateRegistered {
        digest: digest.to_owned(),
        bytes: 1,
        drive_bytes: None,
        defaults,
    })
}

proptest! {
    #[test]
    fn a_host_takes_sandboxes_exactly_after_a_register(commands in vec(0..4u32, 0..20)) {
        let mut folded = Folded::<Host>::default();
        // What it said of itself, whether it was drained since, and whether it was given up.
        let (mut said, mut drained, mut down) = (None, false, false);
        for command in commands {
            let (command, news) = match command {
                0 => {
                    let news = said.is_some() && !drained;
                    drained |= news;
                    (host::Command::Drain, news)
                }
                1 => {
                    let news = said.is_some() && !down;
                    down |= news;
                    (host::Command::Down(down_by("life1", 0)), news)
                }
                memory_mb => {
                    let is_so = said == Some(memory_mb) && !drained && !down;
                    (said, drained, down) = (Some(memory_mb), false, false);
                    (host::Command::Register(registered(memory_mb)), !is_so)
                }
            };
            prop_assert_eq!(tell(&mut folded, command), Ok(news), "news or not");
            let taking = said.filter(|_| !drained && !down).map(registered);
            prop_assert_eq!(folded.state.taking(), taking.as_ref());
        }
    }

    #[test]
    fn a_template_is_what_it_was_last_registered_as(digests in vec("[ab]", 1..20)) {
        let mut folded = Folded::<Template>::default();
        let mut last = None;
        for digest in digests {
            let news = last.as_ref() != Some(&digest);
            prop_assert_eq!(tell(&mut folded, content(&digest, 1, 128)), Ok(news));
            prop_assert_eq!(&folded.state.registered.as_ref().unwrap().digest, &digest);
            last = Some(digest);
        }
    }
}

fn save(id: &str) -> template::Command {
    template::Command::Save(TemplateFromSnapshot {
        sandbox: sandbox_id("sb1"),
        snapshot: snapshot(id),
        base: template_name("base"),
        resources: RESOURCES,
    })
}

#[test]
fn a_template_that_is_a_snapshot_is_saved_once_and_again_when_it_is_deleted() {
    let mut folded = Folded::<Template>::default();
    assert_eq!(
        tell(&mut folded, template::Command::Delete),
        Ok(false),
        "it is not there"
    );
    assert_eq!(tell(&mut folded, save("s1")), Ok(true));
    assert_eq!(
        tell(&mut folded, save("s1")),
        Ok(false),
        "a host that comes back says so again"
    );
    assert_eq!(tell(&mut folded, save("s2")), Err(Rejection::TemplateExists));
    assert!(folded.state.is_there());
    assert_eq!(tell(&mut folded, template::Command::Delete), Ok(true));
    assert!(!folded.state.is_there());
    assert_eq!(tell(&mut folded, save("s2")), Ok(true));
}

#[test]
fn an_image_is_neither_deleted_nor_hidden_by_a_snapshot() {
    let mut folded = Folded::<Template>::default();
    tell(&mut folded, content("d", 1, 128)).unwrap();
    let refusal = tell(&mut folded, template::Command::Delete).unwrap_err();
    assert_eq!(refusal, Rejection::TemplateIsImage);
    assert_eq!(refusal.code(), Code::InvalidState);
    let refusal = tell(&mut folded, save("s1")).unwrap_err();
    assert_eq!(refusal.code(), Code::Conflict);
}

#[test]
fn a_template_whose_defaults_no_sandbox_could_have_is_refused() {
    let refused = |vcpus, memory_mb| {
        let rejection = tell(&mut Folded::<Template>::default(), content("d", vcpus, memory_mb)).unwrap_err();
        assert_eq!(rejection.code(), Code::InvalidRequest);
        rejection.to_string()
    };
    assert_eq!(refused(0, 128), "vcpus is 0: use 1 to 32");
    assert_eq!(refused(1, 64), "memory_mb is 64: use 96 to 262144");
}

#[test]
fn a_host_that_comes_back_takes_sandboxes_again() {
    let mut folded = Folded::<Host>::default();
    assert_eq!(
        tell(&mut folded, host::Command::Drain),
        Ok(false),
        "an unknown host takes none anyway"
    );
    assert_eq!(
        tell(&mut folded, host::Command::Register(registered(1))),
        Ok(true)
    );
    assert_eq!(tell(&mut folded, host::Command::Drain), Ok(true));
    assert_eq!(folded.state.taking(), None);
    assert_eq!(
        tell(&mut folded, host::Command::Register(registered(1))),
        Ok(true)
    );
    assert_eq!(folded.state.taking(), Some(&registered(1)));
}

/// That `life` fell silent, by the record of its lease that says so.
fn down_by(life: &str, lease: u64) -> HostDown {
    HostDown {
        life: life_id(life),
        lease,
    }
}

#[test]
fn what_is_told_of_a_life_after_the_next_has_registered_comes_too_late() {
    let mut folded = Folded::<Host>::default();
    let register = |lease| {
        host::Command::Register(HostRegistered {
            lease,
            ..registered(1)
        })
    };
    let down = |life, lease| host::Command::Down(down_by(life, lease));
    tell(&mut folded, register(3)).unwrap();
    assert_eq!(tell(&mut folded, register(9)), Ok(true), "another life is news");
    assert_eq!(tell(&mut folded, down("first", 8)), Ok(false));
    assert!(folded.state.taking().is_some());
    assert_eq!(tell(&mut folded, down("second", 12)), Ok(true));
    // A life that took the lease and never came to register was silent too.
    tell(&mut folded, register(13)).unwrap();
    assert_eq!(tell(&mut folded, down("fourth", 20)), Ok(true));
}

#[test]
fn a_host_is_down_until_its_next_life_says_what_it_is() {
    let mut folded = Folded::<Host>::default();
    let down = |life| host::Command::Down(down_by(life, 0));
    assert_eq!(tell(&mut folded, down("a")), Ok(false), "an unknown host");
    tell(&mut folded, host::Command::Register(registered(1))).unwrap();
    assert_eq!(tell(&mut folded, down("a")), Ok(true));
    assert_eq!(folded.state.down, Some(life_id("a")));
    assert_eq!(tell(&mut folded, down("b")), Ok(false), "it is down already");
    assert_eq!(
        tell(&mut folded, host::Command::Drain),
        Ok(true),
        "it is to stay away"
    );
    assert_eq!(
        tell(&mut folded, host::Command::Register(registered(1))),
        Ok(true),
        "the same as before, but that it is there is news"
    );
    assert_eq!((&folded.state.down, folded.state.drained), (&None, false));
}
