//! How programs learn which sandbox they run in: by E2B's variables, and by its files in `/run/e2b`.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::{fs, io};

use roost_schemas::metadata::Metadata;

/// Where the files are: one per variable, its name behind a dot.
pub(super) const FOLDER: &str = "/run/e2b";

/// The variables of every process.
pub(super) fn variables(metadata: &Metadata) -> BTreeMap<String, String> {
    [
        ("E2B_SANDBOX", "true"),
        ("E2B_SANDBOX_ID", metadata.sandbox.as_str()),
        ("E2B_TEMPLATE_ID", metadata.template.as_str()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Writes them to `folder`, for all to read.
pub(super) fn write(folder: &Path, variables: &BTreeMap<String, String>) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    variables
        .iter()
        .try_for_each(|(name, value)| fs::write(folder.join(format!(".{name}")), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_sandbox_gets_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("e2b");
        for sandbox in ["first", "second"] {
            let metadata = Metadata {
                sandbox: sandbox.parse().unwrap(),
                template: "base".parse().unwrap(),
                access_token_hash: String::new(),
            };
            write(&folder, &variables(&metadata)).unwrap();
            let read = |name| fs::read_to_string(folder.join(name)).unwrap();
            assert_eq!(
                [".E2B_SANDBOX", ".E2B_SANDBOX_ID", ".E2B_TEMPLATE_ID"].map(read),
                ["true", sandbox, "base"]
            );
        }
    }
}
