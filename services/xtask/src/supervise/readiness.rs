//! How a process shows that it can be used.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::ChildStdout;

/// What to wait for after a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// A line on its standard output that begins with `ready`.
    Line,
    /// Its port accepts connections.
    Port(SocketAddr),
}

impl Readiness {
    /// Waits for the sign and returns the line, if it is one. Waits for ever if the output ends without it: then the
    /// process has ended or is about to, and its exit status tells more.
    pub(super) async fn seen(self, lines: &mut Lines<BufReader<ChildStdout>>) -> String {
        match self {
            Self::Line => loop {
                match lines.next_line().await {
                    Ok(Some(line)) if line.starts_with("ready") => return line,
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => std::future::pending().await,
                }
            },
            Self::Port(address) => {
                while TcpStream::connect(address).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                String::new()
            }
        }
    }
}
