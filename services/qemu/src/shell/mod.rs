//! The shell around the state machine: performs steps, one request at a time.

mod snapshot;
mod verify;

use crate::{
    machine::{Change, Decision, Fault, Machine, Step},
    metadata::Service,
    qemu::{Ended, Host, Vm, boot},
    qmp::Command,
    requests::Request,
};
use tokio::sync::oneshot;

/// The engine: a machine, and the QEMU that runs it once it is started.
#[derive(Debug)]
pub struct Engine {
    machine: Machine,
    host: Host,
    vm: Option<Vm>,
    metadata: Service,
    ended: Option<oneshot::Sender<Ended>>,
}

/// Learns of the end of the machine.
#[derive(Debug)]
pub struct End(oneshot::Receiver<Ended>);

impl Engine {
    /// An engine for `machine`, and the way to learn of its end.
    pub fn new(machine: Machine, host: Host) -> (Self, End) {
        let (sender, receiver) = oneshot::channel();
        (
            Self {
                machine,
                host,
                vm: None,
                metadata: Service::new(),
                ended: Some(sender),
            },
            End(receiver),
        )
    }

    /// Carries out `request`: a document, nothing, or a refusal that changed nothing.
    pub(crate) async fn handle(&mut self, request: Request) -> Result<Option<serde_json::Value>, Fault> {
        let change = match self.machine.decide(request)? {
            Decision::Answer(document) => return Ok(Some(document)),
            Decision::Do { step, change } => {
                self.perform(step).await?;
                change
            }
            Decision::Load(restore) => self.load(restore).await?,
        };
        let tells_anew = matches!(
            change,
            Change::MmdsConfig(_) | Change::Mmds(_) | Change::Loaded { .. }
        );
        self.machine.evolve(change);
        if tells_anew {
            self.metadata.publish(self.machine.metadata());
        }
        Ok(None)
    }

    async fn perform(&mut self, step: Step) -> Result<(), Fault> {
        match step {
            Step::Nothing => Ok(()),
            Step::Verify(artifacts) => artifacts.iter().try_for_each(verify::usable),
            Step::ServeMetadata(address) => self.metadata.listen(address).await,
            Step::Boot => self.boot().await,
            Step::Pause => self.command(Command::Stop).await,
            Step::Resume => self.command(Command::Continue).await,
            Step::PressCtrlAltDel => self.command(Command::PressCtrlAltDel).await,
            Step::CreateSnapshot(create) => self.create(create).await,
        }
    }

    async fn boot(&mut self) -> Result<(), Fault> {
        let (sender, receiver) = oneshot::channel();
        let vm = boot(self.machine.config(), &self.host, sender).await?;
        self.hold(vm, receiver);
        Ok(())
    }

    /// Only a machine that did start can end; a failed attempt keeps the way to tell for the next one.
    fn hold(&mut self, vm: Vm, receiver: oneshot::Receiver<Ended>) {
        self.vm = Some(vm);
        if let Some(ended) = self.ended.take() {
            tokio::spawn(async move {
                if let Ok(end) = receiver.await {
                    let _ = ended.send(end);
                }
            });
        }
    }

    async fn command(&mut self, command: Command) -> Result<(), Fault> {
        self.vm()?.execute(command).await
    }

    fn vm(&mut self) -> Result<&mut Vm, Fault> {
        self.vm.as_mut().ok_or(Fault::BeforeStart)
    }
}

impl End {
    /// Waits until the machine ends: quietly when the guest rebooted or powered off, else with QEMU's last words or what
    /// became of its pager.
    pub async fn wait(self) -> anyhow::Result<()> {
        match self.0.await {
            Ok(Ended::Qemu { status, stderr }) => match status? {
                status if status.success() => Ok(()),
                status => anyhow::bail!("QEMU ended with {status}: {stderr}"),
            },
            Ok(Ended::PagerGone) => anyhow::bail!("the pager is gone"),
            Err(_) => anyhow::bail!("the watch over QEMU ended"),
        }
    }
}
