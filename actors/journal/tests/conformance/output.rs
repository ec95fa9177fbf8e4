//! Process output on both adapters.

use std::time::Duration;

use futures::StreamExt;
use roost_journal::port::OutputFrames;
use roost_schemas::event::ExitStatus;
use roost_schemas::output::{Channel, Frame};
use roost_schemas::subject::OutputSubject;
use roost_schemas::{ProcessId, SandboxId, Sequence, TenantId};

use crate::on_both;
use crate::world::{PATIENCE, World};

on_both!(
    a_reader_gets_every_frame_in_order_and_ends,
    a_late_reader_gets_what_it_missed,
    a_repeated_frame_is_kept_once,
    processes_are_kept_apart,
    what_is_there_can_be_read_without_waiting_for_more,
);

fn process(name: &str) -> OutputSubject {
    OutputSubject {
        tenant: TenantId::new("default").unwrap(),
        sandbox: SandboxId::new("a").unwrap(),
        process: ProcessId::new(name).unwrap(),
    }
}

fn data(offset: u64) -> Frame {
    Frame::Data {
        channel: Channel::Stdout,
        offset,
        data: vec![7; 10],
    }
}

fn end() -> Frame {
    Frame::End {
        status: ExitStatus::Exited { code: 0 },
        duration_ms: 1,
        stdout_bytes: 30,
        stderr_bytes: 0,
        sequence: Sequence(1),
    }
}

async fn all(frames: OutputFrames) -> Vec<Frame> {
    let all = frames.map(|frame| frame.unwrap()).collect();
    tokio::time::timeout(PATIENCE, all).await.expect("the frames end")
}

async fn a_reader_gets_every_frame_in_order_and_ends(world: World) {
    let process = process("p1");
    let reader = tokio::spawn(all(world.output.follow(&process).await.unwrap()));
    for number in 0..3 {
        world
            .output
            .publish(&process, number, &data(number * 10))
            .await
            .unwrap();
    }
    world.output.publish(&process, 3, &end()).await.unwrap();
    assert_eq!(reader.await.unwrap(), [data(0), data(10), data(20), end()]);
}

async fn a_late_reader_gets_what_it_missed(world: World) {
    let process = process("p1");
    world.output.publish(&process, 0, &data(0)).await.unwrap();
    let mut early = world.output.follow(&process).await.unwrap();
    assert_eq!(early.next().await.unwrap().unwrap(), data(0));
    world.output.publish(&process, 1, &end()).await.unwrap();
    let late = world.output.follow(&process).await.unwrap();
    assert_eq!(all(late).await, [data(0), end()]);
    assert_eq!(all(early).await, [end()]);
}

async fn a_repeated_frame_is_kept_once(world: World) {
    let process = process("p1");
    for (number, frame) in [
        (0, data(0)),
        (0, data(0)),
        (1, data(10)),
        (0, data(0)),
        (2, end()),
    ] {
        world.output.publish(&process, number, &frame).await.unwrap();
    }
    assert_eq!(
        all(world.output.follow(&process).await.unwrap()).await,
        [data(0), data(10), end()]
    );
}

async fn processes_are_kept_apart(world: World) {
    let (one, two) = (process("p1"), process("p2"));
    world.output.publish(&one, 0, &data(0)).await.unwrap();
    world.output.publish(&two, 0, &data(50)).await.unwrap();
    world.output.publish(&two, 1, &end()).await.unwrap();
    assert_eq!(
        all(world.output.follow(&two).await.unwrap()).await,
        [data(50), end()]
    );
    let mut open = world.output.follow(&one).await.unwrap();
    assert_eq!(open.next().await.unwrap().unwrap(), data(0));
    let more = tokio::time::timeout(Duration::from_millis(100), open.next()).await;
    assert!(more.is_err(), "the process has not ended: {more:?}");
}

async fn what_is_there_can_be_read_without_waiting_for_more(world: World) {
    let (one, two) = (process("p1"), process("p2"));
    assert_eq!(world.output.stored(&one).await.unwrap(), []);
    for number in 0..2 {
        world
            .output
            .publish(&one, number, &data(number * 10))
            .await
            .unwrap();
    }
    world.output.publish(&two, 0, &data(50)).await.unwrap();
    assert_eq!(world.output.stored(&one).await.unwrap(), [data(0), data(10)]);
}
