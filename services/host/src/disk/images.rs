//! The images folder: kernel, initramfs, the empty drive and the templates.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use roost_images::{Image, Manifest, TemplateEntry, VERSION, Versioned};
use roost_schemas::TemplateName;
use roost_schemas::event::TemplateRegistered;
use roost_schemas::spec::Resources;

use super::image::{Identity, ImageError, check_digest, check_size};

/// The images of this machine. Kernel, initramfs and the empty drive are verified when it is opened; a template when it
/// is first used, and again whenever its file has changed.
#[derive(Debug)]
pub struct Images {
    folder: PathBuf,
    vmlinux: PathBuf,
    initramfs: PathBuf,
    blank_drive: PathBuf,
    drive_bytes: u64,
    boot_digests: [String; 3],
    templates: BTreeMap<TemplateName, TemplateEntry>,
    verified: Mutex<HashMap<TemplateName, Identity>>,
}

/// What a sandbox starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// Its file system image, shared and never written.
    pub image: PathBuf,
    /// Virtual processors of a sandbox that asks for none in particular.
    pub vcpus: u32,
    /// Memory of a sandbox that asks for none in particular, in MiB.
    pub memory_mb: u32,
}

impl Images {
    /// Reads `manifest.json` in `folder`, checks that every image is there, and verifies those every sandbox needs.
    pub fn open(folder: &Path) -> Result<Self, ImageError> {
        let path = folder.join("manifest.json");
        let bytes = std::fs::read(&path).map_err(|source| ImageError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let manifest = parse(&path, &bytes)?;
        let templates = index(&path, manifest.templates)?;
        for entry in templates.values() {
            check_size(folder, &entry.image)?;
        }
        let verify = |image: &Image| {
            let (path, _) = check_size(folder, image)?;
            check_digest(&path, &image.digest).map(|()| path)
        };
        Ok(Self {
            folder: folder.to_owned(),
            vmlinux: verify(&manifest.vmlinux.image)?,
            initramfs: verify(&manifest.initramfs)?,
            blank_drive: verify(&manifest.blank_drive)?,
            drive_bytes: manifest.blank_drive.bytes,
            boot_digests: [
                &manifest.vmlinux.image,
                &manifest.initramfs,
                &manifest.blank_drive,
            ]
            .map(|image| image.digest.to_string()),
            templates,
            verified: Mutex::default(),
        })
    }

    /// The kernel as an ELF file, which every engine boots; QEMU sooner than the bzImage it was unpacked from.
    pub fn vmlinux(&self) -> &Path {
        &self.vmlinux
    }

    /// The initramfs, which joins the drives and starts the agent.
    pub fn initramfs(&self) -> &Path {
        &self.initramfs
    }

    /// The empty file system that every writable drive is a copy of.
    pub fn blank_drive(&self) -> &Path {
        &self.blank_drive
    }

    /// Digests of what every guest boots with, whatever its template: kernel, initramfs and empty drive.
    pub fn boot_digests(&self) -> [String; 3] {
        self.boot_digests.clone()
    }

    /// Names of all templates, sorted.
    pub fn names(&self) -> impl Iterator<Item = &TemplateName> {
        self.templates.keys()
    }

    /// What to tell the log of every template; of its content only what the manifest says.
    pub fn registrations(&self) -> Vec<(TemplateName, TemplateRegistered)> {
        let registered = |entry: &TemplateEntry| TemplateRegistered {
            digest: entry.image.digest.to_string(),
            bytes: entry.image.bytes,
            drive_bytes: Some(self.drive_bytes),
            defaults: Resources {
                vcpus: entry.vcpus,
                memory_mb: entry.memory_mb,
            },
        };
        self.templates
            .iter()
            .map(|(name, entry)| (name.clone(), registered(entry)))
            .collect()
    }

    /// The template `name`, verified.
    pub fn template(&self, name: &TemplateName) -> Result<Template, ImageError> {
        let unknown = || ImageError::UnknownTemplate {
            name: name.clone(),
            known: self.names().cloned().collect(),
        };
        let entry = self.templates.get(name).ok_or_else(unknown)?;
        let (image, identity) = check_size(&self.folder, &entry.image)?;
        // Held while reading, so that many sandboxes of a fresh template read it once.
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.get(name) != Some(&identity) {
            check_digest(&image, &entry.image.digest)?;
            verified.insert(name.clone(), identity);
        }
        Ok(Template {
            name: name.clone(),
            image,
            vcpus: entry.vcpus,
            memory_mb: entry.memory_mb,
        })
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, ImageError> {
    let bad = |source| ImageError::BadManifest {
        path: path.to_owned(),
        source,
    };
    let Versioned { version } = serde_json::from_slice(bytes).map_err(bad)?;
    if version != VERSION {
        return Err(ImageError::OtherVersion {
            path: path.to_owned(),
            found: version,
        });
    }
    serde_json::from_slice(bytes).map_err(bad)
}

fn index(
    path: &Path,
    entries: Vec<TemplateEntry>,
) -> Result<BTreeMap<TemplateName, TemplateEntry>, ImageError> {
    let mut templates = BTreeMap::new();
    for entry in entries {
        let bad = |why| ImageError::BadTemplate {
            path: path.to_owned(),
            name: entry.name.clone(),
            why,
        };
        if entry.vcpus == 0 || entry.memory_mb == 0 {
            return Err(bad("vcpus and memory_mb must be at least 1"));
        }
        if templates.contains_key(&entry.name) {
            return Err(bad("it is listed twice"));
        }
        templates.insert(entry.name.clone(), entry);
    }
    Ok(templates)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use roost_images::Digest;
    use serde_json::{Value, json};

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            for file in ["vmlinuz", "vmlinux", "initramfs", "blank.ext4", "minimal.ext4"] {
                fs::write(folder.path(file), format!("the bytes of {file}")).unwrap();
            }
            folder.describe(&folder.manifest());
            folder
        }

        fn path(&self, file: &str) -> PathBuf {
            self.0.path().join(file)
        }

        fn image(&self, file: &str) -> Value {
            let opened = fs::File::open(self.path(file)).unwrap();
            let (digest, bytes) = (Digest::of(&opened).unwrap(), opened.metadata().unwrap().len());
            json!({"file": file, "digest": digest, "bytes": bytes})
        }

        fn kernel(&self, file: &str) -> Value {
            let mut kernel = self.image(file);
            kernel["release"] = json!("6.1.0");
            kernel
        }

        fn manifest(&self) -> Value {
            let mut minimal = self.image("minimal.ext4");
            minimal["name"] = json!("minimal");
            minimal["vcpus"] = json!(1);
            minimal["memory_mb"] = json!(128);
            json!({
                "version": VERSION, "kernel": self.kernel("vmlinuz"), "vmlinux": self.kernel("vmlinux"),
                "initramfs": self.image("initramfs"), "blank_drive": self.image("blank.ext4"), "templates": [minimal],
            })
        }

        fn describe(&self, manifest: &Value) {
            fs::write(self.path("manifest.json"), manifest.to_string()).unwrap();
        }

        fn open(&self) -> Result<Images, ImageError> {
            Images::open(self.0.path())
        }

        fn refusal(&self) -> String {
            complete(&self.open().unwrap_err())
        }
    }

    fn complete(error: &ImageError) -> String {
        let source = std::error::Error::source(error)
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{error}: {source}")
    }

    fn minimal() -> TemplateName {
        "minimal".parse().unwrap()
    }

    #[test]
    fn a_whole_folder_is_accepted() {
        let folder = Folder::new();
        let images = folder.open().unwrap();
        assert_eq!(images.vmlinux(), folder.path("vmlinux"));
        assert_eq!(images.blank_drive(), folder.path("blank.ext4"));
        let template = images.template(&minimal()).unwrap();
        assert_eq!(
            template,
            Template {
                name: minimal(),
                image: folder.path("minimal.ext4"),
                vcpus: 1,
                memory_mb: 128
            }
        );
    }

    #[test]
    fn a_missing_or_corrupt_image_is_named_with_a_remedy() {
        for file in ["vmlinux", "initramfs", "blank.ext4"] {
            let folder = Folder::new();
            fs::write(folder.path(file), format!("The bytes of {file}")).unwrap();
            let refusal = folder.refusal();
            assert!(
                refusal.contains(file) && refusal.contains("is corrupt"),
                "{refusal}"
            );
            fs::write(folder.path(file), "cut").unwrap();
            assert!(folder.refusal().contains("has 3 bytes instead of"));
            fs::remove_file(folder.path(file)).unwrap();
            let refusal = folder.refusal();
            assert!(
                refusal.contains(file) && refusal.contains("cargo xtask images"),
                "{refusal}"
            );
        }
    }

    #[test]
    fn a_template_is_verified_when_used_and_again_when_changed() {
        let folder = Folder::new();
        let images = folder.open().unwrap();
        images.template(&minimal()).unwrap();
        let replaced = folder.path("new");
        fs::write(&replaced, "The bytes of minimal.ext4").unwrap();
        fs::rename(&replaced, folder.path("minimal.ext4")).unwrap();
        assert!(matches!(
            images.template(&minimal()),
            Err(ImageError::WrongDigest { .. })
        ));
        fs::remove_file(folder.path("minimal.ext4")).unwrap();
        assert!(matches!(
            images.template(&minimal()),
            Err(ImageError::Unreadable { .. })
        ));
    }

    #[test]
    fn an_unknown_template_is_answered_with_the_known() {
        let error = Folder::new()
            .open()
            .unwrap()
            .template(&"base".parse().unwrap())
            .unwrap_err();
        assert_eq!(error.to_string(), "there is no template base; known are: minimal");
    }

    #[test]
    fn a_wrong_manifest_is_refused() {
        let folder = Folder::new();
        let good = folder.manifest();
        let with = |change: &dyn Fn(&mut Value)| {
            let mut manifest = good.clone();
            change(&mut manifest);
            folder.describe(&manifest);
            folder.refusal()
        };
        assert!(with(&|m| m["version"] = json!(1)).contains("has version 1"));
        assert!(with(&|m| m["kernel"]["file"] = json!("../vmlinuz")).contains("not the name of a file"));
        assert!(with(&|m| m["templates"][0]["name"] = json!("../minimal")).contains("template name"));
        assert!(with(&|m| m["kernel"]["digest"] = json!("md5:0")).contains("64 hexadecimal digits"));
        assert!(with(&|m| m["templates"][0]["vcpus"] = json!(0)).contains("at least 1"));
        assert!(
            with(&|m| m["templates"] = json!([m["templates"][0], m["templates"][0]]))
                .contains("listed twice")
        );
        assert!(with(&|m| m["initramfs"] = Value::Null).contains("not an image manifest"));
        fs::write(folder.path("manifest.json"), "{").unwrap();
        assert!(folder.refusal().contains("not an image manifest"));
        fs::remove_file(folder.path("manifest.json")).unwrap();
        assert!(folder.refusal().contains("manifest.json: make the images"));
    }
}
