//! Which snapshot a freshly booted template has on this host.

use std::collections::BTreeMap;

use roost_schemas::event::TemplateRegistered;
use roost_schemas::snapshot::Machine;
use roost_schemas::spec::Resources;
use roost_schemas::{SnapshotId, TemplateName};

use crate::disk::Images;
use crate::machine::engines::COMMAND_LINE;

/// What the snapshots of booted templates are made from.
pub(super) struct Boots {
    images: BTreeMap<TemplateName, TemplateRegistered>,
    /// Whatever the template.
    common: Vec<String>,
}

impl Boots {
    pub(super) fn new(images: &Images, machine: Machine) -> Self {
        let kind = match serde_json::to_value(machine.engine) {
            Ok(serde_json::Value::String(kind)) => kind,
            _ => format!("{:?}", machine.engine),
        };
        let mut common = vec![kind, machine.engine_version, machine.cpu];
        common.push(COMMAND_LINE.to_owned());
        common.extend(images.boot_digests());
        Self {
            images: images.registrations().into_iter().collect(),
            common,
        }
    }

    pub(super) fn image(&self, template: &TemplateName) -> Option<&TemplateRegistered> {
        self.images.get(template)
    }

    /// Its id; nothing if `template` is no image of this host, or is to be run with other `resources` than its own: a
    /// snapshot for every size would fill the disk with what is rarely wanted.
    pub(super) fn id(&self, template: &TemplateName, resources: Resources) -> Option<SnapshotId> {
        let image = self
            .images
            .get(template)
            .filter(|image| image.defaults == resources)?;
        Some(self.id_of(image))
    }

    /// The ids of all templates.
    pub(super) fn all(&self) -> impl Iterator<Item = SnapshotId> {
        self.images.values().map(|image| self.id_of(image))
    }

    fn id_of(&self, image: &TemplateRegistered) -> SnapshotId {
        let Resources { vcpus, memory_mb } = image.defaults;
        let own = [image.digest.clone(), vcpus.to_string(), memory_mb.to_string()];
        let parts: Vec<&str> = self.common.iter().chain(&own).map(String::as_str).collect();
        SnapshotId::of_boot(&parts)
    }
}
