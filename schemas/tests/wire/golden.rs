//! The bytes of version 1 are those checked in under `golden/v1/`, whoever writes or reads them.
//!
//! Version 1 is in use: a difference here is a mistake in the code, or calls for a new version with an up-cast. The
//! files are only ever written by
//!
//! ```text
//! ROOST_WRITE_GOLDEN=1 cargo nextest run -p roost-schemas golden
//! ```
//!
//! which adds and rewrites what differs, names it, and fails, so that no run that writes can pass for a test.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use roost_schemas::command::SandboxCommand;
use roost_schemas::commit::Commit;
use roost_schemas::event::{
    Cause, ExitStatus, HostEvent, SandboxEvent, TemplateEvent, TenantEvent, WebhookEvent,
};
use roost_schemas::lease::Lease;
use roost_schemas::output::Frame;
use serde::de::DeserializeOwned;

use crate::samples::{self, Sample};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1")
}

fn read(file: &str) -> Vec<u8> {
    let path = folder().join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; see the top of {}", path.display(), file!()))
}

fn write_what_differs(samples: &[Sample]) -> Vec<&str> {
    let differs =
        |sample: &&Sample| std::fs::read(folder().join(&sample.file)).ok() != Some(sample.bytes.clone());
    let written: Vec<_> = samples.iter().filter(differs).collect();
    for sample in &written {
        std::fs::write(folder().join(&sample.file), &sample.bytes).expect("golden/v1 can be written");
    }
    written.iter().map(|sample| sample.file.as_str()).collect()
}

#[test]
fn every_value_encodes_to_its_golden_bytes() {
    let samples = samples::all();
    if std::env::var_os("ROOST_WRITE_GOLDEN").is_some() {
        let written = write_what_differs(&samples);
        panic!("written: {written:?}; read the difference, then run again without ROOST_WRITE_GOLDEN");
    }
    for sample in samples {
        assert_eq!(
            sample.bytes.escape_ascii().to_string(),
            read(&sample.file).escape_ascii().to_string(),
            "{} is encoded differently than version 1 was",
            sample.file
        );
    }
}

#[test]
fn every_golden_file_decodes_to_its_value() {
    for sample in samples::all() {
        let decoded = (sample.decodes_to_the_value)(&read(&sample.file));
        assert_eq!(decoded, Ok(()), "{}", sample.file);
    }
}

#[test]
fn every_golden_file_is_tested() {
    let expected: BTreeSet<_> = samples::all().into_iter().map(|sample| sample.file).collect();
    let found: BTreeSet<_> = std::fs::read_dir(folder())
        .expect("golden/v1 is a folder")
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected);
}

/// The names that an enum has on the wire, out of the error that lists them for an unknown one.
fn variants<T: DeserializeOwned + std::fmt::Debug>(tag: &str) -> Vec<String> {
    let unknown = serde_json::json!({ tag: "?", "data": null });
    let error = serde_json::from_value::<T>(unknown).unwrap_err().to_string();
    let names: Vec<_> = error.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(names.first().map(String::as_str), Some("?"), "{error}");
    names[1..].to_vec()
}

fn all_have_a_file(prefix: &str, names: Vec<String>) {
    let files: BTreeSet<_> = samples::all().into_iter().map(|sample| sample.file).collect();
    for name in names {
        let file = format!("{prefix}.{name}.msgpack");
        assert!(files.contains(&file), "add a sample for {file}");
    }
}

#[test]
fn every_event_command_and_frame_has_a_golden_file() {
    all_have_a_file("commit.sandbox", variants::<SandboxEvent>("type"));
    all_have_a_file("commit.template", variants::<TemplateEvent>("type"));
    all_have_a_file("commit.host", variants::<HostEvent>("type"));
    all_have_a_file("commit.tenant", variants::<TenantEvent>("type"));
    all_have_a_file("commit.webhook", variants::<WebhookEvent>("type"));
    all_have_a_file("command", variants::<SandboxCommand>("type"));
    all_have_a_file("frame", variants::<Frame>("type"));
    all_have_a_file("lease", variants::<Lease>("type"));
}

#[test]
fn a_sandbox_s_events_are_called_as_they_are_on_the_wire() {
    assert_eq!(SandboxEvent::KINDS, variants::<SandboxEvent>("type"));
    for sample in samples::all() {
        let name = sample.file.strip_prefix("commit.sandbox.");
        let Some((kind, _)) = name.and_then(|name| name.split_once('.')) else {
            continue;
        };
        let commit = Commit::<SandboxEvent>::decode(&read(&sample.file)).unwrap();
        assert!(commit.events.iter().any(|event| event.kind() == kind), "{name:?}");
    }
}

#[test]
fn every_cause_and_exit_status_stands_in_a_golden_file() {
    let stands_in = |files: &[&str], names: Vec<String>| {
        let bytes: Vec<u8> = files.iter().flat_map(|file| read(file)).collect();
        for name in names {
            // In MessagePack a short text has its length in front, so `exited` does not pass for `engine_exited`.
            let length = 0xa0 | u8::try_from(name.len()).unwrap();
            let text = [&[length], name.as_bytes()].concat();
            let found = bytes.windows(text.len()).any(|window| window == text);
            assert!(found, "add {name} to one of the samples {files:?}");
        }
    };
    stands_in(
        &[
            "commit.sandbox.lost.msgpack",
            "commit.sandbox.lost.snapshots.msgpack",
            "commit.sandbox.lost.host_down.msgpack",
        ],
        variants::<Cause>("kind"),
    );
    stands_in(
        &["commit.sandbox.process_exited.msgpack"],
        variants::<ExitStatus>("how"),
    );
}
