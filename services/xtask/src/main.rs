//! `cargo xtask`: see the library.

use std::process::ExitCode;

use clap::Parser;
use tokio_util::sync::CancellationToken;
use xtask::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let cancelled = CancellationToken::new();
    let result = runtime.block_on(async {
        tokio::select! {
            result = cli.run(&cancelled) => result,
            () = xtask::stack::signals(&cancelled) => Err(anyhow::anyhow!("interrupted twice")),
        }
    });
    // Not waited for: a blocking task may hang on what was just abandoned.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // What the shell calls a program that Ctrl-C ended.
        Err(error) if cancelled.is_cancelled() => {
            eprintln!("\n{error:#}");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
