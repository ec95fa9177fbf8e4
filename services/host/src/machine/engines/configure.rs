//! Telling a fresh engine what to boot.

use roost_engine::api::{BootSource, Drive, Entropy, MachineConfig, MmdsConfig, NetworkInterface, Serial};
use roost_engine::{Client, EngineError};
use roost_runtime::port::{Fault, VmSpec};
use roost_schemas::Owner;

use super::cmdline;

/// The guest's one network interface.
const INTERFACE: &str = "eth0";

/// Bytes a day that a guest's console may write to its log.
const CONSOLE_BYTES: u64 = 256 * 1024;

/// The files of a VM as its engine sees them, which in a jail is not where they are.
pub(super) struct Files {
    pub kernel: String,
    pub initramfs: String,
    pub base: String,
    pub data: String,
    pub console: String,
}

pub(super) async fn configure(
    client: &Client,
    owner: &Owner,
    spec: &VmSpec,
    files: &Files,
) -> Result<(), Fault> {
    let vcpus = u8::try_from(spec.resources.vcpus).unwrap_or(u8::MAX);
    let machine = MachineConfig {
        vcpu_count: vcpus,
        mem_size_mib: spec.resources.memory_mb.into(),
        ..MachineConfig::default()
    };
    let boot = BootSource {
        kernel_image_path: files.kernel.clone(),
        initrd_path: Some(files.initramfs.clone()),
        boot_args: Some(cmdline::of(&owner.sandbox)),
    };
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
        client
            .put_drive(&Drive::root_read_only("rootfs", &files.base))
            .await?;
        client.put_drive(&Drive::writable("data", &files.data)).await?;
        client.put_network_interface(&interface).await?;
        client.put_mmds_config(&MmdsConfig::v2(INTERFACE)).await?;
        client.put_entropy(&Entropy::default()).await?;
        client
            .put_serial(&Serial::bounded(&files.console, CONSOLE_BYTES))
            .await
    };
    put.await
        .map_err(|error: EngineError| Fault::of("configure the engine", &error))
}
