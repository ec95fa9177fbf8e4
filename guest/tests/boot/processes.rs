//! Commands: output, endings, refusals, deadlines.

use std::time::{Duration, Instant};

use connectrpc::ErrorCode;
use connectrpc::client::CallOptions;
use roost_schemas::envd::process::{ProcessConfig, StartRequest};
use roost_schemas::envd::{DEADLINE_ERROR, TIMEOUT_HEADER};

use crate::agent::{Codec, bash, command, run, run_with};
use crate::vm::Vm;

#[tokio::test]
async fn both_codecs_carry_output_and_endings() {
    let vm = Vm::boot().await;
    for codec in [Codec::Json, Codec::Binary] {
        let request = bash("printf 'out\\0\\377'; echo err >&2; exit 3");
        let outcome = run_with(vm.agent(), codec, request, CallOptions::default())
            .await
            .unwrap();
        assert_eq!(
            (outcome.stdout.as_slice(), outcome.stderr.as_slice()),
            (&b"out\0\xff"[..], &b"err\n"[..])
        );
        assert_eq!((outcome.end.exit_code, outcome.end.exited), (3, true));
        assert_eq!(outcome.end.error.as_deref(), Some("exit status 3"));
    }
    let outcome = run(vm.agent(), bash("kill -TERM $$")).await.unwrap();
    assert_eq!((outcome.end.exit_code, outcome.end.exited), (-1, false));
    assert_eq!(outcome.end.status, "signal: terminated");

    let script = "head -c 10000000 /dev/zero | tr '\\0' 'x'; head -c 1000 /dev/zero | tr '\\0' 'y' >&2";
    let outcome = run(vm.agent(), bash(script)).await.unwrap();
    assert_eq!(outcome.stdout.len(), 10_000_000);
    assert!(outcome.stdout.iter().all(|byte| *byte == b'x'));
    assert_eq!(outcome.stderr, [b'y'; 1000]);
}

#[tokio::test]
async fn the_environment_is_the_one_asked_for() {
    let vm = Vm::boot().await;
    let process = ProcessConfig {
        cmd: "bash".into(),
        args: vec![
            "-c".into(),
            "pwd; id -un; echo $GREETING; ulimit -Sn; [ -p /dev/stdin ] || echo null".into(),
        ],
        envs: [("GREETING".into(), "hello".into())].into_iter().collect(),
        cwd: Some("/tmp".into()),
    };
    let request = StartRequest {
        process: process.into(),
        stdin: Some(false),
        ..StartRequest::default()
    };
    let as_user = CallOptions::default().with_header("authorization", "Basic dXNlcjo=");
    let outcome = run_with(vm.agent(), Codec::Json, request, as_user).await.unwrap();
    assert_eq!(outcome.text(), "/tmp\nuser\nhello\n1024\nnull");
    let script = "read -u 0; echo $?; cat /proc/self/oom_score_adj /proc/self/cgroup; set -- $(cat /proc/$$/stat); echo ${19}; [ $6 = $$ ]; echo $?";
    let outcome = run(vm.agent(), bash(script)).await.unwrap();
    assert_eq!(
        outcome.text(),
        "1\n100\n0::/user\n0\n0",
        "end of input, first to die, in its group, of usual priority, leader of a session"
    );
}

#[tokio::test]
async fn what_cannot_run_is_refused_by_name() {
    let vm = Vm::boot().await;
    let error = run(vm.agent(), command("no-such-program", &[]))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.to_string().contains("no-such-program"), "{error}");

    let error = run(vm.agent(), command("/etc/passwd", &[])).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PermissionDenied);

    let mut request = bash("true");
    request.process.get_or_insert_default().cwd = Some("/nowhere".into());
    let error = run(vm.agent(), request).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.to_string().contains("/nowhere"), "{error}");

    let ghost = CallOptions::default().with_header("authorization", "Basic Z2hvc3Q6");
    let error = run_with(vm.agent(), Codec::Json, bash("true"), ghost)
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn a_deadline_kills_all_that_the_command_started() {
    let vm = Vm::boot().await;
    let request = bash("set -m; sleep 1000 & sleep 1000 & echo started; wait");
    let options = CallOptions::default().with_header(TIMEOUT_HEADER, "1500");
    let outcome = run_with(vm.agent(), Codec::Binary, request, options)
        .await
        .unwrap();
    assert_eq!((outcome.text(), outcome.end.exit_code), ("started", -1));
    assert!(outcome.overdue, "E2B's clients wait for the call's own error");
    let error = outcome.end.error.unwrap();
    assert_eq!(error, format!("{DEADLINE_ERROR}: killed after 1500 ms"));
    let left = run(vm.agent(), bash("pidof sleep")).await.unwrap();
    assert_eq!(left.text(), "");
}

#[tokio::test]
async fn a_background_process_neither_holds_the_end_up_nor_becomes_a_zombie() {
    let vm = Vm::boot().await;
    let began = Instant::now();
    let outcome = run(vm.agent(), bash("sleep 1000 & echo $!")).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_mins(1),
        "the end did not wait for the pipe"
    );
    // It still runs, is PID 1's now, and is reaped when it ends.
    let script = "grep -w PPid /proc/$1/status; kill $1; while kill -0 $1 2>/dev/null; do sleep 0.1; done; grep -l zombie /proc/*/status";
    let request = command("bash", &["-c", script, "bash", outcome.text()]);
    let outcome = run(vm.agent(), request).await.unwrap();
    assert_eq!(outcome.text(), "PPid:\t1");
}
