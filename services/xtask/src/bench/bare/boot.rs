//! A boot with the bare engine: configured as the host configures it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use roost_engine::Client;
use roost_engine::api::{BootSource, Drive, Entropy, NetworkInterface};

use super::{Bare, id, text};

impl Bare {
    /// Boots with `command_line`, runs `command` with its one argument, and tells how long it took until its output was
    /// there.
    pub(in crate::bench) async fn create_to_output(
        &self,
        round: u32,
        command_line: &str,
        command: (&str, &str),
    ) -> Result<Duration> {
        let folder = self.round(round)?;
        let data = folder.join("data.ext4");
        // The drive is made before the clock runs: the bar is for the engine alone.
        crate::process::run(
            tokio::process::Command::new("cp")
                .arg("--sparse=always")
                .arg(&self.blank)
                .arg(&data),
        )
        .await?;
        let began = Instant::now();
        let (process, client) = self.launch(&id(round), &folder, None).await?;
        self.configure(&client, &data, command_line).await?;
        client.start().await?;
        self.until_answering().await?;
        self.output(command).await?;
        let took = began.elapsed();
        self.end(process, &folder).await?;
        Ok(took)
    }

    async fn configure(&self, client: &Client, data: &Path, command_line: &str) -> Result<()> {
        client.put_machine_config(&self.machine).await?;
        let boot = BootSource {
            kernel_image_path: text(&self.kernel),
            initrd_path: Some(text(&self.initramfs)),
            boot_args: Some(command_line.to_owned()),
        };
        client.put_boot_source(&boot).await?;
        client
            .put_drive(&Drive::root_read_only("rootfs", text(&self.base)))
            .await?;
        client.put_drive(&Drive::writable("data", text(data))).await?;
        let interface = NetworkInterface {
            iface_id: "eth0".to_owned(),
            host_dev_name: self.slot.tap.to_owned(),
            guest_mac: Some(self.slot.guest_mac.to_string()),
            ..NetworkInterface::default()
        };
        client.put_network_interface(&interface).await?;
        client.put_entropy(&Entropy::default()).await?;
        Ok(())
    }
}
