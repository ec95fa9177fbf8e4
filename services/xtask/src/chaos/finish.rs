//! The last questions: what stands in each book, and whether everything can be ended.

use std::time::{Duration, Instant};

use anyhow::Result;
use roost_journal::jetstream::Connection;

use super::client::Client;
use super::history;
use super::notebook::{Invariant, Notebook};
use super::vms::Vms;
use crate::stack::Stack;

/// How long the last VM may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// Every client reads the books of the sandboxes that it has left; who is paused is resumed for it.
pub(super) async fn books(clients: &mut [Client], notebook: &Notebook) {
    for client in clients {
        for home in client.homes.clone() {
            if let Err(error) = client.read_book(&home.id).await {
                let seen = format!("{error:#}");
                notebook.broken(Invariant::Converges, Some(&home.id), seen);
            }
        }
    }
}

/// Ends whatever lives, whoever made it, and waits until the machine holds no VM.
pub(super) async fn end_all(stack: &Stack, nats: &Connection, notebook: &Notebook) -> Result<()> {
    let history = history::read(nats).await?;
    for sandbox in history.sandboxes() {
        if !history.life(sandbox).phase.is_end()
            && let Err(error) = stack.api().kill(sandbox.as_str()).await
        {
            let seen = format!("{sandbox} cannot be ended: {error:#}");
            notebook.broken(Invariant::Converges, Some(sandbox), seen);
        }
    }
    let began = Instant::now();
    loop {
        let left = Vms::of(stack).now();
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > GONE_WITHIN {
            for vm in left {
                let seen = format!("the VM of {} is there after everything was ended", vm.owner);
                notebook.broken(Invariant::Machine, Some(&vm.owner.sandbox), seen);
            }
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
