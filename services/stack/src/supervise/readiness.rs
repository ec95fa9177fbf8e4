//! How a process shows that it can be used.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{BufReader, Lines};
use tokio::process::ChildStdout;

/// What to wait for after a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// A line on its standard output that begins with `ready`.
    Line,
    /// The file `nats-server_<pid>.ports` in this folder, which nats-server writes once it listens. That its port accepts
    /// connections would not do: somebody else's server may be the one that does.
    PortsFile(PathBuf),
}

impl Readiness {
    /// Waits for the sign and returns the line, if it is one. Waits for ever if the output ends without it: then the
    /// process has ended or is about to, and its exit status tells more.
    pub(super) async fn seen(&self, pid: u32, lines: &mut Lines<BufReader<ChildStdout>>) -> String {
        match self {
            Self::Line => loop {
                match lines.next_line().await {
                    Ok(Some(line)) if line.starts_with("ready") => return line,
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => std::future::pending().await,
                }
            },
            Self::PortsFile(folder) => {
                let file = folder.join(format!("nats-server_{pid}.ports"));
                while !file.exists() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                String::new()
            }
        }
    }
}
