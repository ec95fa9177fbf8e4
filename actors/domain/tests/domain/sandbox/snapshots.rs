//! Snapshots of a sandbox that goes on running, or is paused: asked for, taken, and saved as templates.

use roost_domain::Decision;
use roost_domain::sandbox::{Command, MAX_ASKED, MAX_SNAPSHOTS, Phase};
use roost_schemas::event::SandboxEvent;

use crate::support::pauses::{
    SECOND, compacted, pause, resume, resumed, saved, snapshot_failed, take, taken,
};
use crate::support::{History, snapshot, snapshot_id, template_name};

#[test]
fn one_for_forks_is_done_when_it_is_taken() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(take("t1", None)).unwrap();
    assert!(history.folded.state.asked.contains_key(&snapshot_id("t1")));
    history.tell(taken("t1")).unwrap();
    let state = &history.folded.state;
    assert_eq!(state.phase, Phase::Running);
    assert!(state.asked.is_empty());
    assert_eq!(state.snapshot(&snapshot_id("t1")), Some(&snapshot("t1")));
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(history.tell(taken("t1")), nothing, "a late report");
    assert!(history.confirms(take("t1", None)), "it is there");
}

#[test]
fn one_for_a_template_is_done_when_it_is_saved() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(take("t1", Some("warm"))).unwrap();
    history.tell(taken("t1")).unwrap();
    let waiting = history.folded.state.asked.get(&snapshot_id("t1"));
    assert_eq!(waiting, Some(&Some(template_name("warm"))));
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(
        history.tell(saved("t1", "cold")),
        nothing,
        "nobody asked for that"
    );
    history.tell(saved("t1", "warm")).unwrap();
    assert!(history.folded.state.asked.is_empty());
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(history.tell(saved("t1", "warm")), nothing);
}

#[test]
fn one_that_fails_is_asked_for_no_more() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(take("t1", Some("warm"))).unwrap();
    history.tell(snapshot_failed("t1")).unwrap();
    assert!(history.folded.state.asked.is_empty());
    for late in [snapshot_failed("t1"), taken("t1"), saved("t1", "warm")] {
        let nothing = Ok(Decision::Nothing(history.folded.sequence));
        assert_eq!(history.tell(late), nothing);
    }
    assert_eq!(history.folded.state.references().count(), 0);
}

#[test]
fn of_a_paused_one_it_is_what_it_is_paused_as() {
    let mut history = History::in_phase(Phase::Paused);
    assert!(history.confirms(take("t1", None)), "it can be forked as it is");
    history.tell(take("t1", Some("warm"))).unwrap();
    let Some(SandboxEvent::SnapshotAsked(asked)) = history.events().last() else {
        panic!("{:?}", history.events().last())
    };
    assert_eq!(asked.snapshot, snapshot_id("s1"));
    assert!(history.confirms(take("t2", Some("warm"))));
    let nothing = Ok(Decision::Nothing(history.folded.sequence));
    assert_eq!(history.tell(taken("s1")), nothing, "there is nothing to take");
    history.tell(saved("s1", "warm")).unwrap();
    assert!(history.folded.state.asked.is_empty());
    assert_eq!(history.folded.state.phase, Phase::Paused);
}

#[test]
fn one_that_is_there_can_be_saved_later() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(take("t1", None)).unwrap();
    history.tell(taken("t1")).unwrap();
    history.tell(take("t1", Some("warm"))).unwrap();
    history.tell(saved("t1", "warm")).unwrap();
    assert_eq!(history.folded.state.snapshots.len(), 1);
}

#[test]
fn the_newest_are_kept() {
    let mut history = History::in_phase(Phase::Paused);
    history.tell(compacted("s1", snapshot("c1"))).unwrap();
    history.tell(resume()).unwrap();
    history.tell(resumed(SECOND, "c1")).unwrap();
    for n in 1..=MAX_SNAPSHOTS {
        assert!(history.folded.state.snapshot(&snapshot_id("s1")).is_some());
        let id = format!("t{n}");
        history.tell(take(&id, None)).unwrap();
        let taken = Command::SnapshotTaken {
            generation: SECOND,
            snapshot: snapshot(&id),
            held_ms: 20,
        };
        history.tell(taken).unwrap();
    }
    let state = &history.folded.state;
    assert_eq!(state.snapshots.len(), MAX_SNAPSHOTS);
    assert_eq!(state.snapshots.last(), Some(&snapshot("t16")));
    for gone in ["s1", "c1"] {
        assert_eq!(state.snapshot(&snapshot_id(gone)), None);
    }
    assert!(state.compacted.is_empty());
    let base = state.references().filter(|id| **id == snapshot_id("c1")).count();
    assert!(base > 0, "it runs from there");
}

#[test]
fn as_many_as_may_be_waited_for_and_no_more() {
    let mut history = History::in_phase(Phase::Running);
    for n in 0..MAX_ASKED {
        history.tell(take(&format!("t{n}"), None)).unwrap();
    }
    let refusal = history.tell(take("last", None)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "there are 16 snapshots being taken already; wait for one to end"
    );
    history.tell(taken("t0")).unwrap();
    history.tell(take("last", None)).unwrap();
}

#[test]
fn an_id_that_made_a_snapshot_makes_no_pause() {
    let mut history = History::in_phase(Phase::Running);
    history.tell(take("t1", None)).unwrap();
    for _ in 0..2 {
        let refusal = history.tell(pause("t1")).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "snapshot t1 was made by a command of this id before; send the command under another id"
        );
        let _ = history.tell(taken("t1"));
    }
}
