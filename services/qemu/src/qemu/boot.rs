//! Booting a machine.

use super::{Host, Vm, arguments, arguments::Beginning, process::Ended, ram, start::start};
use crate::{
    machine::{Config, Fault},
    qmp::{Command, Qmp, QmpError},
};
use tokio::{net::UnixStream, sync::oneshot};

/// Builds the machine and lets it run. `ended` learns when it ends; when booting fails, the fault says why instead.
pub(crate) async fn boot(config: &Config, host: &Host, ended: oneshot::Sender<Ended>) -> Result<Vm, Fault> {
    let memory = ram::create(&host.ram_dir, arguments::memory_bytes(config)?)?;
    let started = start(config, host, &memory, Beginning::Kernel, false)?;
    match run(started.monitor).await {
        Ok(qmp) => {
            started.process.watch(None, ended);
            Ok(Vm::new(qmp, memory, false))
        }
        Err(error) => Err(started.process.why_not(&error.to_string()).await),
    }
}

async fn run(monitor: UnixStream) -> Result<Qmp, QmpError> {
    let mut qmp = Qmp::negotiate(monitor).await?;
    qmp.execute(Command::Continue).await?;
    Ok(qmp)
}
