//! `Exec`: what no process can be, and when none can start.

use roost_domain::sandbox::{Command, MAX_PROCESSES, Phase};
use roost_schemas::command::{Exec, PtySize};
use roost_schemas::reply::Code;

use super::refuses;
use crate::support::{History, exec, process_id};

fn running(exec: Exec) -> Command {
    Command::Exec {
        process: process_id("p1"),
        exec,
    }
}

#[track_caller]
fn refuses_exec(exec: Exec, message: &str) {
    refuses(
        History::in_phase(Phase::Running),
        running(exec),
        Code::InvalidRequest,
        message,
    );
}

#[test]
fn unless_the_sandbox_runs() {
    for phase in [
        Phase::Placed,
        Phase::Starting,
        Phase::Pausing,
        Phase::Paused,
        Phase::Resuming,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Lost,
        Phase::Failed,
    ] {
        let message = format!("the sandbox is {}; exec needs it to be running", phase.as_str());
        refuses(
            History::in_phase(phase),
            running(exec("ls")),
            Code::InvalidState,
            &message,
        );
    }
    let message = "there is no such sandbox; exec needs one to be created first";
    refuses(History::default(), running(exec("ls")), Code::NotFound, message);
}

#[test]
fn of_nothing() {
    refuses_exec(exec(""), r#"cmd is "": name a program"#);
}

#[test]
fn with_a_nul_in_any_word() {
    let nul = || "a\0b".to_owned();
    let words = [
        exec("a\0b"),
        Exec {
            args: vec!["x".into(), nul()],
            ..exec("ls")
        },
        Exec {
            cwd: Some(nul()),
            ..exec("ls")
        },
        Exec {
            user: Some(nul()),
            ..exec("ls")
        },
    ];
    for exec in words {
        refuses_exec(
            exec,
            r#"cmd, args, cwd or user is "a\0b": no word of a command has a NUL"#,
        );
    }
}

#[test]
fn with_more_words_than_a_kernel_takes() {
    let exec = Exec {
        args: vec!["a".repeat(128 * 1024)],
        ..exec("ls")
    };
    refuses_exec(
        exec,
        "cmd, args, cwd and user is 131074: at most 131072 bytes together",
    );
}

#[test]
fn with_a_limit_out_of_bounds() {
    for timeout_sec in [0, 604_801] {
        let message = format!("timeout_sec is {timeout_sec}: use 1 to 604800");
        refuses_exec(
            Exec {
                timeout_sec,
                ..exec("ls")
            },
            &message,
        );
    }
}

#[test]
fn with_a_terminal_of_no_or_of_absurd_size() {
    let exec_in = |cols, rows| Exec {
        pty: Some(PtySize { cols, rows }),
        ..exec("ls")
    };
    refuses_exec(exec_in(0, 24), "pty.cols is 0: use 1 to 4096");
    refuses_exec(exec_in(80, 4097), "pty.rows is 4097: use 1 to 4096");
}

#[test]
fn with_a_variable_that_no_process_could_be_given() {
    let mut exec = exec("ls");
    exec.env.insert("A=".into(), String::new());
    refuses_exec(
        exec,
        r#"env is "A=": a variable's name is not empty and has no = and no NUL"#,
    );
}

#[test]
fn beside_as_many_as_may_run() {
    let mut history = History::in_phase(Phase::Running);
    for n in 0..MAX_PROCESSES {
        history
            .tell(Command::Exec {
                process: process_id(&format!("q{n}")),
                exec: exec("ls"),
            })
            .unwrap();
    }
    let message = "there are 1024 processes running already; wait for one to end";
    refuses(history, running(exec("ls")), Code::InvalidState, message);
}

#[test]
fn shows_a_long_value_cut_and_a_short_one_whole() {
    let shown = |word: String| {
        let answer = History::in_phase(Phase::Running).tell(running(exec(&word)));
        answer.unwrap_err().to_string()
    };
    let long = shown("é".repeat(1_000) + "\0");
    assert!(long.contains(&format!("is \"{}…: ", "é".repeat(79))), "{long}");
    let short = shown("é".repeat(70) + "\0");
    assert!(
        short.contains(&format!("is \"{}\\0\": ", "é".repeat(70))),
        "{short}"
    );
}
