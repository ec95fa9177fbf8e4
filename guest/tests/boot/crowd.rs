//! Too much of everything: processes, memory, forks.

use connectrpc::ErrorCode;
use futures::{StreamExt, stream};
use roost_schemas::envd::process::Signal;

use crate::agent::{bash, command, is_healthy, run};
use crate::call::{Call, list, pid, signal};
use crate::vm::Vm;

/// As many as an agent runs.
const MOST: usize = 1024;

#[tokio::test]
async fn a_thousand_processes_run_and_one_more_is_refused() {
    // Each takes about 300 KiB of the kernel and of itself.
    let vm = Vm::boot_with(1024).await;
    let agent = vm.agent();
    let calls: Vec<Call> = stream::iter(0..MOST)
        .map(|_| Call::start(agent, command("sleep", &["1000"])))
        // More connections at once than its queue holds, and QEMU's network resets them.
        .buffer_unordered(2)
        .collect()
        .await;
    let error = run(agent, bash("true")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ResourceExhausted);
    assert!(is_healthy(agent).await);
    let listed = list(agent).await;
    assert_eq!(listed.len(), MOST);
    for process in &listed {
        signal(agent, pid(process.pid), Signal::SIGNAL_SIGKILL)
            .await
            .unwrap();
    }
    for call in calls {
        assert_eq!(call.rest().await.end.status, "signal: killed");
    }
    assert!(list(agent).await.is_empty());
    let script = "grep VmRSS /proc/$(head -1 /sys/fs/cgroup/agent/cgroup.procs)/status | tr -dc 0-9";
    let used: u32 = run(agent, bash(script)).await.unwrap().text().parse().unwrap();
    assert!(used < 64 << 10, "the agent takes {used} KiB");
}

#[tokio::test]
async fn a_hog_and_a_bomb_hurt_themselves_only() {
    let vm = Vm::boot().await;
    let agent = vm.agent();
    let bystander = Call::start(agent, command("sleep", &["1000"])).await;

    let hog = run(agent, bash("tail /dev/zero")).await.unwrap();
    assert!(
        hog.end.status == "signal: killed" || hog.end.exit_code == 137,
        "{:?}",
        hog.end
    );
    let events = run(agent, bash("grep -w oom_kill /sys/fs/cgroup/user/memory.events")).await;
    assert_eq!(
        events.unwrap().text(),
        "oom_kill 1",
        "by its group's limit, and nobody else"
    );

    // Fewer than the guest's memory has room for: this one is to meet the limit of processes, not of memory.
    let limit =
        "read usual </sys/fs/cgroup/user/pids.max; echo 200 >/sys/fs/cgroup/user/pids.max; echo $usual";
    assert_eq!(run(agent, bash(limit)).await.unwrap().text(), "2048");
    let bomb = Call::start(agent, bash("bomb() { bomb | bomb & }; bomb; sleep 1000")).await;
    let count = "read now </sys/fs/cgroup/user/pids.current; read word refused </sys/fs/cgroup/user/pids.events; \
        echo $now $refused";
    let mut refused = 0;
    while refused == 0 {
        assert!(answers(&vm).await, "the agent is starved: {}", vm.console());
        let counts = run(agent, bash(count)).await.unwrap();
        let (now, failed) = counts.text().split_once(' ').unwrap();
        // The shell that counts was put there from outside, where the limit does not hold.
        assert!(now.parse::<u32>().unwrap() <= 201, "{now} processes");
        refused = failed.parse::<u32>().unwrap();
    }
    signal(agent, pid(bomb.pid), Signal::SIGNAL_SIGKILL)
        .await
        .unwrap();
    assert_eq!(bomb.rest().await.end.status, "signal: killed");
    let left = run(agent, bash("cat /sys/fs/cgroup/user/cgroup.procs | wc -l")).await;
    // The bystander, and the shell that counts with its two children.
    assert_eq!(left.unwrap().text(), "4", "the bomb is gone");
    signal(agent, pid(bystander.pid), Signal::SIGNAL_SIGKILL)
        .await
        .unwrap();
    assert_eq!(bystander.rest().await.end.status, "signal: killed");
    assert!(list(agent).await.is_empty());
    assert_eq!(run(agent, bash("echo well")).await.unwrap().text(), "well");
    let console = vm.console();
    for wrong in ["the agent ended", "control groups are incomplete"] {
        assert!(!console.contains(wrong), "{console}");
    }
}

/// Whether the agent answers within a time that a person would wait.
async fn answers(vm: &Vm) -> bool {
    for _ in 0..40 {
        if is_healthy(vm.agent()).await {
            return true;
        }
    }
    false
}
