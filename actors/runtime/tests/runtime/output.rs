//! Programs that write more than anybody keeps.

use roost_schemas::event::{ExitStatus, SandboxEvent};
use roost_schemas::output::{Frame, MAX_CHUNK, MAX_KEPT};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_flood_is_counted_to_the_end_and_kept_to_the_bound() {
    const BYTES: u64 = 100 * 1024 * 1024 + 17;
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "flood", &[&BYTES.to_string()]).await;
    let frames = world.output(&sandbox, &process).await;
    let mut next = 0;
    for frame in &frames[..frames.len() - 1] {
        let Frame::Data { offset, data, .. } = frame else {
            panic!("{frame:?}")
        };
        assert!(*offset == next && data.len() <= MAX_CHUNK && !data.is_empty());
        next += data.len() as u64;
    }
    assert_eq!(next, MAX_KEPT);
    let Some(Frame::End {
        status, stdout_bytes, ..
    }) = frames.last()
    else {
        panic!("{:?}", frames.last())
    };
    assert_eq!((status, *stdout_bytes), (&ExitStatus::Exited { code: 0 }, BYTES));
    let events = world.events(&sandbox).await;
    assert!(
        matches!(events.last(), Some(SandboxEvent::ProcessExited(exited)) if exited.stdout_bytes == BYTES),
        "{:?}",
        events.last()
    );
}

#[tokio::test(start_paused = true)]
async fn small_writes_travel_together() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    let process = world.exec(&sandbox, "chatter", &["5000"]).await;
    let frames = world.output(&sandbox, &process).await;
    let [
        Frame::Data { offset: 0, data, .. },
        Frame::End {
            stdout_bytes: 5000, ..
        },
    ] = &frames[..]
    else {
        panic!("{} frames", frames.len())
    };
    assert_eq!(*data, [b'.'; 5000]);
}

#[tokio::test(start_paused = true)]
async fn a_program_nobody_hears_of_any_more_is_given_up() {
    let world = World::new().await;
    let sandbox = world.running("s1").await;
    // The guest should end it after its hour, and never does.
    let process = world.exec(&sandbox, "sleep", &[]).await;
    let begin = tokio::time::Instant::now();
    let given_up = world.until_within(std::time::Duration::from_hours(2), &sandbox, |view| {
        (!view.state.processes.contains_key(&process)).then_some(())
    });
    given_up.await;
    assert!(begin.elapsed().as_secs() >= 3600);
    let frames = world.output(&sandbox, &process).await;
    assert!(
        matches!(&frames[..], [Frame::End { status: ExitStatus::Unknown { reason }, .. }] if reason.contains("no end")),
        "{frames:?}"
    );
}
