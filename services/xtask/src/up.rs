//! Keeping the whole of Roost running on this machine until it is interrupted.

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use crate::build::Profile;
use crate::{prepare, stack};

/// What `up` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    up: stack::up::Options,
    /// The key that clients must present. Default: one made at first and kept in the state folder
    #[arg(long, env = "ROOST_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
}

/// Runs until `cancelled`, which is its orderly end.
pub async fn run(options: Options, cancelled: &CancellationToken) -> Result<()> {
    let upcoming = options.up.check(options.api_key)?;
    let parts = prepare::parts(Profile::Dev, cancelled).await?;
    let tell = |ready: &stack::up::Ready| {
        println!("{ready}");
        Ok(())
    };
    upcoming.run(parts, cancelled, tell).await?;
    println!("stopped");
    Ok(())
}
