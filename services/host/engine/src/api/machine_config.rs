//! `GET`, `PUT` and `PATCH /machine-config`: CPUs and memory.

use serde::{Deserialize, Serialize};

/// Body of `PUT /machine-config` and answer of `GET` (`MachineConfiguration`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineConfig {
    /// 1 to [`super::MAX_VCPUS`]; 1 or even when `smt` is set.
    pub vcpu_count: u8,
    /// Guest memory in MiB, at least 1.
    pub mem_size_mib: u64,
    /// Whether vCPUs are shown as pairs of threads.
    #[serde(default)]
    pub smt: bool,
    /// Whether written pages are tracked, which makes a diff snapshot cheap.
    #[serde(default)]
    pub track_dirty_pages: bool,
    /// Host pages behind the guest's memory.
    #[serde(default)]
    pub huge_pages: HugePages,
    /// A static CPU template by name; deprecated upstream and unused by Roost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_template: Option<String>,
}

impl Default for MachineConfig {
    /// Firecracker's own default: one vCPU and 128 MiB.
    fn default() -> Self {
        Self {
            vcpu_count: 1,
            mem_size_mib: 128,
            smt: false,
            track_dirty_pages: false,
            huge_pages: HugePages::None,
            cpu_template: None,
        }
    }
}

/// Host page size behind guest memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HugePages {
    /// Ordinary 4 KiB pages.
    #[default]
    None,
    /// 2 MiB pages of hugetlbfs.
    #[serde(rename = "2M")]
    TwoMebibytes,
}

/// Body of `PATCH /machine-config`: what is present replaces what was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineConfigUpdate {
    /// New vCPU count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcpu_count: Option<u8>,
    /// New memory size in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_size_mib: Option<u64>,
    /// New SMT setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smt: Option<bool>,
    /// New dirty page tracking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track_dirty_pages: Option<bool>,
    /// New page size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<HugePages>,
    /// New static CPU template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_template: Option<String>,
}

impl MachineConfigUpdate {
    /// `config` with this update laid over it.
    #[must_use]
    pub fn over(self, config: &MachineConfig) -> MachineConfig {
        MachineConfig {
            vcpu_count: self.vcpu_count.unwrap_or(config.vcpu_count),
            mem_size_mib: self.mem_size_mib.unwrap_or(config.mem_size_mib),
            smt: self.smt.unwrap_or(config.smt),
            track_dirty_pages: self.track_dirty_pages.unwrap_or(config.track_dirty_pages),
            huge_pages: self.huge_pages.unwrap_or(config.huge_pages),
            cpu_template: self.cpu_template.or_else(|| config.cpu_template.clone()),
        }
    }
}
