//! Events as they happen, over a WebSocket that is opened again whenever it breaks.
//!
//! ```text
//!   after ──▶ open ──▶ frame ──▶ print ──▶ after = its sequence, once its commit is whole
//!               ▲        │
//!               └─ wait ◀┴─ broken, or closed by the gateway
//! ```

use std::time::Duration;

use anyhow::{Result, bail};
use roost_client::{Refused, Socket};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use super::Events;
use super::frame::{Frame, Printer};
use crate::output::{note, visible};
use crate::remote::Session;

/// Before a connection is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the gateway calls the end of a stream whose client does what it must not: trying again would end the same. Of another
/// end, such as that of a key that was revoked, the next try tells more.
const REFUSED: &str = "refused";

/// Where a reader stands.
struct Reader {
    after: String,
    /// Events shown of the commit that comes after `after`, and of which it is not known whether it is whole.
    shown: u64,
}

/// Prints what happens until somebody interrupts.
pub(super) async fn follow(session: &Session, events: &Events, printer: &mut Printer) -> Result<()> {
    let after = match &events.after {
        Some(after) => after.clone(),
        None => now(session).await?,
    };
    let mut reader = Reader { after, shown: 0 };
    let mut connected = false;
    loop {
        let path = events.path(&[("after", &reader.after)]);
        match session.api.socket(&path, &[]).await {
            Ok(socket) => {
                connected = true;
                reader.read(socket, printer).await?;
            }
            Err(error) if !connected || is_final(&error) => return Err(error),
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

/// The sequence where the log ends, or, if the log does not answer, what the gateway has read of it.
async fn now(session: &Session) -> Result<String> {
    #[derive(Deserialize)]
    struct Health {
        sequence: u64,
        head: Option<u64>,
    }
    let Health { sequence, head } = serde_json::from_value(session.get("/health").await?)?;
    Ok(head.unwrap_or(sequence).to_string())
}

impl Reader {
    /// Reads until the connection is no more.
    async fn read(&mut self, mut socket: Socket, printer: &mut Printer) -> Result<()> {
        // Of a commit whose middle the connection broke in, everything comes once more.
        let mut skip = std::mem::take(&mut self.shown);
        loop {
            let whole: Value = match socket.next().await {
                Ok(Some(whole)) => whole,
                Ok(None) | Err(_) => return Ok(()),
            };
            let frame = Frame::deserialize(&whole)?;
            if frame.subject.is_none() {
                self.notice(&frame)?;
                continue;
            }
            if skip > 0 {
                skip -= 1;
            } else {
                printer.print(&frame, &whole)?;
            }
            if frame.more {
                self.shown += 1;
            } else {
                self.reached(frame.sequence);
            }
        }
    }

    fn notice(&mut self, frame: &Frame) -> Result<()> {
        let code = frame.data["code"].as_str().unwrap_or_default();
        let message = visible(frame.data["message"].as_str().unwrap_or_default());
        match frame.kind.as_str() {
            "heartbeat" => self.reached(frame.sequence),
            "end" if code == REFUSED => bail!(message),
            "end" => note(message),
            _ => {}
        }
        Ok(())
    }

    fn reached(&mut self, sequence: u64) {
        self.after = sequence.to_string();
        self.shown = 0;
    }
}

fn is_final(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.status.is_client_error() && refused.status.as_u16() != 429)
}
