//! Telling a fresh engine what to boot.

use roost_engine::api::{BootSource, Drive, Entropy, MachineConfig, MmdsConfig, NetworkInterface};
use roost_engine::{Client, EngineError};
use roost_runtime::port::{Fault, VmSpec};
use roost_schemas::Owner;

use super::home::Home;
use super::{Supply, cmdline, console};

/// The guest's one network interface.
pub(super) const INTERFACE: &str = "eth0";

pub(super) async fn configure(
    client: &Client,
    owner: &Owner,
    spec: &VmSpec,
    supply: &Supply,
    home: &Home,
) -> Result<(), Fault> {
    let machine = MachineConfig {
        vcpu_count: u8::try_from(spec.resources.vcpus).unwrap_or(u8::MAX),
        mem_size_mib: spec.resources.memory_mb.into(),
        ..MachineConfig::default()
    };
    let boot = BootSource {
        kernel_image_path: home.shared(&supply.kernel, "vmlinux")?,
        initrd_path: Some(home.shared(&supply.initramfs, "initramfs")?),
        boot_args: Some(cmdline::of(&owner.sandbox)),
    };
    let (base, data) = home.drives(&spec.drives)?;
    let interface = NetworkInterface {
        iface_id: INTERFACE.to_owned(),
        host_dev_name: spec.slot.tap.clone(),
        guest_mac: Some(spec.slot.mac.clone()),
        ..NetworkInterface::default()
    };
    let put = async {
        client.put_machine_config(&machine).await?;
        client.put_boot_source(&boot).await?;
        // The order tells the guest which is which: the image is /dev/vda, the sandbox's own drive /dev/vdb.
        client.put_drive(&Drive::root_read_only("rootfs", &base)).await?;
        client.put_drive(&Drive::writable("data", &data)).await?;
        client.put_network_interface(&interface).await?;
        client.put_mmds_config(&MmdsConfig::v2(INTERFACE)).await?;
        client.put_entropy(&Entropy::default()).await?;
        client.put_serial(&console::own()).await
    };
    put.await
        .map_err(|error: EngineError| Fault::of("configure the engine", &error))
}
