//! A cold boot: the template's image, from its kernel on.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Task, not_wanted};
use crate::host::Context;
use crate::observe::phase;
use crate::port::{Fault, Greeting, Vm, VmSpec};

/// This operation, among figures.
const BOOT: &str = "boot";

impl Task {
    pub(super) async fn boot(&self) -> Result<Arc<dyn Vm>, Fault> {
        let Context {
            slots,
            disks,
            engines,
            edge,
            ..
        } = &*self.context;
        let requested = self.requested()?;
        let template = &requested.spec.template;
        let (slot, drives) = tokio::join!(
            phase(BOOT, "slot", slots.claim(&self.owner)),
            phase(BOOT, "drive", disks.create(&self.owner, template)),
        );
        let (slot, drives) = (slot?, drives?);
        let address = slot.address;
        phase(BOOT, "rules", slots.apply(&self.owner, &self.sandbox.network)).await?;
        let spec = VmSpec {
            resources: requested.resources,
            drives,
            slot,
            template: template.clone(),
        };
        let vm = phase(BOOT, "engine", engines.boot(&self.owner, &spec)).await?;
        phase(BOOT, "greet", self.greet(&*vm, address, false)).await?;
        // Before the log says that it runs: whoever reads that there may come at once.
        edge.open(&self.owner, address);
        Ok(vm)
    }

    /// Tells the guest who it is, if it can still be told.
    pub(super) async fn greet(&self, vm: &dyn Vm, address: IpAddr, restored: bool) -> Result<(), Fault> {
        let greeting = Greeting {
            sandbox: self.owner.sandbox.clone(),
            env: self.requested()?.spec.env.clone(),
            restored,
        };
        // In this order, so that what is not wanted any more is undone however far it came.
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(not_wanted("greet the guest")),
            cause = vm.exited() => Err(Fault::new("greet the guest", format!("the engine is gone: {cause:?}"))),
            greeted = self.context.guests.greet(address, &greeting) => greeted,
        }
    }
}
