//! Output that waits: for clients that come late, are slow, or stand still.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use roost_schemas::envd::process::Signal;
use roost_schemas::envd::process::process_event::Event;

use crate::agent::{bash, run};
use crate::call::{Call, bytes, dropped, pid, signal, tag};
use crate::vm::Vm;

#[tokio::test]
async fn nothing_is_lost_without_a_word() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    who_comes_late_learns_what_is_gone(agent).await;
    everybody_gets_the_same(agent).await;
    who_stands_still_is_passed_over(agent).await;
}

fn flood(bytes: u32, then: &str) -> roost_schemas::envd::process::StartRequest {
    let mut request = bash(&format!("head -c {bytes} /dev/zero | tr '\\0' x; {then}"));
    request.tag = Some("flood".into());
    request
}

async fn who_comes_late_learns_what_is_gone(agent: SocketAddr) {
    const FLOOD: u64 = 5_000_000;
    let script = "touch /tmp/written; sleep 1000";
    let mut request = flood(5_000_000, script);
    // Nobody reads while it is written: the call has ended by then.
    request.process.get_or_insert_default().args[1].insert_str(0, "sleep 2; ");
    drop(Call::start(agent, request).await);
    run(agent, bash("while ! [ -e /tmp/written ]; do sleep 0.1; done"))
        .await
        .unwrap();

    let mut late = Call::connect(agent, tag("flood")).await.unwrap();
    let Event::Keepalive(marker) = late.next().await.unwrap() else {
        panic!("no marker")
    };
    let mut seen = dropped(&marker);
    assert!(seen > FLOOD / 2 && seen < FLOOD, "{seen}");
    while seen < FLOOD {
        let Event::Data(data) = late.next().await.unwrap() else {
            panic!("a second marker")
        };
        seen += bytes(data.output).len() as u64;
    }
    assert_eq!(seen, FLOOD);
    signal(agent, pid(late.pid), Signal::SIGNAL_SIGKILL)
        .await
        .unwrap();
    assert_eq!(late.rest().await.end.status, "signal: killed");
}

async fn everybody_gets_the_same(agent: SocketAddr) {
    let mut request = flood(3_000_000, "echo end");
    request.stdin = Some(true);
    request.process.get_or_insert_default().args[1].insert_str(0, "read go; ");
    let first = Call::start(agent, request).await;
    let number = first.pid;
    let second = Call::connect(agent, tag("flood")).await.unwrap();
    let (sent, first, second) = tokio::join!(
        crate::call::send(agent, pid(number), crate::call::stdin("go\n")),
        first.rest(),
        second.rest()
    );
    sent.unwrap();
    for rest in [first, second] {
        assert_eq!((rest.output.len(), rest.dropped), (3_000_004, 0));
        assert_eq!(rest.end.exit_code, 0);
    }
}

async fn who_stands_still_is_passed_over(agent: SocketAddr) {
    /// More than all buffers between a guest and a client that does not read.
    const FLOOD: u32 = 40_000_000;
    let began = Instant::now();
    let stuck = Call::start(agent, flood(FLOOD, "echo $SECONDS >/tmp/took")).await;
    let other = run(
        agent,
        bash("while ! [ -s /tmp/took ]; do sleep 0.2; done; cat /tmp/took"),
    );
    let took: u64 = other.await.unwrap().text().parse().unwrap();
    assert!(
        began.elapsed() > Duration::from_secs(10) && took >= 9,
        "{took} s: nobody waited"
    );
    let rest = stuck.rest().await;
    assert!(rest.dropped > 0);
    assert_eq!(rest.output.len() as u64 + rest.dropped, u64::from(FLOOD));
    assert_eq!(rest.end.exit_code, 0);
}
