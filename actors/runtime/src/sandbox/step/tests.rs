use roost_schemas::event::Placed;
use roost_schemas::snapshot::Snapshot;
use roost_schemas::{Digest, HostId};

use super::*;

fn sandbox(phase: Phase) -> Sandbox {
    Sandbox {
        phase,
        placed: Some(Placed {
            host: HostId::new("h1").unwrap(),
            generation: Generation(2),
        }),
        ..Sandbox::default()
    }
}

fn snapshot(id: &str, sources: u32) -> Snapshot {
    Snapshot {
        id: SnapshotId::new(id).unwrap(),
        host: HostId::new("h1").unwrap(),
        seal: Digest::of(b""),
        stored_bytes: 0,
        sources,
    }
}

const NOTHING: Held = Held {
    vm: Hold::None,
    freed: Generation(0),
    uncompactable: false,
    released: false,
};
const RUNS: Held = Held {
    vm: Hold::Applied,
    ..NOTHING
};
const FREED: Held = Held {
    freed: Generation(2),
    ..NOTHING
};

#[test]
fn a_start_is_tried_again_after_longer_and_longer_pauses() {
    let after = |failed_starts| {
        let starting = Sandbox {
            failed_starts,
            ..sandbox(Phase::Starting)
        };
        match next(&starting, NOTHING) {
            Some(Step::Start { after }) => after,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        [after(0), after(1), after(2)],
        [0, 250, 500].map(Duration::from_millis)
    );
    assert_eq!(next(&sandbox(Phase::Placed), NOTHING), None);
}

#[test]
fn what_runs_is_found_and_held_to_its_policy_before_anything_is_taken_of_it() {
    let mut running = sandbox(Phase::Running);
    let (plain, named) = (SnapshotId::new("a").unwrap(), SnapshotId::new("b").unwrap());
    let name = TemplateName::new("mine").unwrap();
    running.asked.insert(plain.clone(), None);
    running.asked.insert(named.clone(), Some(name.clone()));
    let attached = Held {
        vm: Hold::Attached,
        ..NOTHING
    };
    assert_eq!(next(&running, NOTHING), Some(Step::Attach));
    assert_eq!(next(&running, attached), Some(Step::Apply));
    assert_eq!(next(&running, RUNS), Some(Step::Snapshot(plain.clone())));
    running.snapshots.push(snapshot("b", 1));
    assert_eq!(next(&running, RUNS), Some(Step::Save(named.clone(), name)));
    running.asked.remove(&named);
    running.asked.remove(&plain);
    assert_eq!(next(&running, RUNS), None);
}

#[test]
fn what_is_paused_is_freed_first_and_then_saved_or_compacted() {
    let mut paused = sandbox(Phase::Paused);
    assert_eq!(next(&paused, NOTHING), Some(Step::Free(Generation(2))));
    assert_eq!(next(&paused, FREED), None);
    paused.base = Some(snapshot("a", MAX_SOURCES + 1));
    paused.snapshots = vec![snapshot("a", MAX_SOURCES + 1)];
    assert_eq!(next(&paused, FREED), Some(Step::Compact));
    assert!(Step::Compact.is_wanted(&paused));
    let failed = Held {
        uncompactable: true,
        ..FREED
    };
    assert_eq!(next(&paused, failed), None);
    let (id, name) = (SnapshotId::new("a").unwrap(), TemplateName::new("mine").unwrap());
    paused.asked.insert(id.clone(), Some(name.clone()));
    assert_eq!(next(&paused, FREED), Some(Step::Save(id, name)));
    assert!(
        !Step::Compact.is_wanted(&paused),
        "it would replace what is saved"
    );
}

#[test]
fn a_resume_waits_until_the_placement_before_is_freed() {
    let resuming = sandbox(Phase::Resuming);
    assert_eq!(next(&resuming, NOTHING), Some(Step::Free(Generation(1))));
    let freed = Held {
        freed: Generation(1),
        ..NOTHING
    };
    assert_eq!(next(&resuming, freed), Some(Step::Resume));
    assert_eq!(next(&sandbox(Phase::Pausing), NOTHING), Some(Step::Pause));
}

#[test]
fn an_end_releases_what_is_held_once() {
    for end in [Phase::Stopping, Phase::Stopped, Phase::Lost, Phase::Failed] {
        let released = Held {
            released: true,
            ..RUNS
        };
        let before = Some(Generation(1));
        assert_eq!(next(&sandbox(end), RUNS), Some(Step::Release { before }));
        assert_eq!(next(&sandbox(end), FREED), Some(Step::Release { before: None }));
        assert_eq!(next(&sandbox(end), released), None);
        for step in [Step::Pause, Step::Resume, Step::Attach, Step::Compact] {
            assert!(!step.is_wanted(&sandbox(end)), "{step:?}");
        }
    }
}
