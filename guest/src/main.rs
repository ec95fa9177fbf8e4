//! The guest's one program; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    roost_guest::run()
}
