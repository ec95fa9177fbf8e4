//! A stack's nats-server, as its operator sees it.

use anyhow::{Context, Result};
use roost_journal::jetstream::{self, Access, Connection, Options};

use crate::stack::Stack;

/// How to connect as an operator, who may do everything.
pub fn options(stack: &Stack) -> Result<Options> {
    let access = Access {
        nats_nkey: Some(stack.state().operator().to_owned()),
        nats_ca: None,
    };
    Ok(access.options(stack.nats_url())?.named("xtask"))
}

/// A connection as an operator.
pub async fn operator(stack: &Stack) -> Result<Connection> {
    jetstream::connect(options(stack)?)
        .await
        .context("cannot follow the log")
}
