//! Every command's rejections: the word for programs, and the sentence for people.

mod create;
mod exec;
mod others;
mod reports;
mod snapshots;

use roost_domain::sandbox::Command;
use roost_schemas::reply::{Code, Rejected};

use crate::support::History;

/// Asserts that `history` rejects `command` with this code and this sentence, and is as it was.
#[track_caller]
fn refuses(mut history: History, command: Command, code: Code, message: &str) {
    let before = history.folded.clone();
    let rejection = history.tell(command).expect_err("the command was accepted");
    let expected = Rejected {
        code,
        message: message.to_owned(),
    };
    assert_eq!(Rejected::from(rejection), expected);
    assert_eq!(history.folded, before);
}
