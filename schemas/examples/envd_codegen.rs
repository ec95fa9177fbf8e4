//! Regenerates `src/envd/generated` from `proto/`; run it after changing a `.proto` file.
//!
//! `cargo run -p roost-schemas --features envd-codegen --example envd_codegen`, with `protoc` on the PATH and the
//! well-known types in the system's include folder (Debian: `protobuf-compiler`, `libprotobuf-dev`).

use std::error::Error;
use std::path::Path;

use buffa_codegen::BytesRepr;
use connectrpc_build::CodeGenConfig;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let proto = root.join("proto");
    let mut messages = CodeGenConfig::default();
    messages.generate_json = true;
    messages.preserve_unknown_fields = false;
    messages.emit_register_fn = false;
    // Output travels in `bytes` fields: a shared buffer saves one copy of every chunk.
    messages.bytes_fields = vec![(".".into(), BytesRepr::Bytes)];
    connectrpc_build::Config::new()
        .files(&[
            proto.join("process/process.proto"),
            proto.join("filesystem/filesystem.proto"),
        ])
        .includes(&[proto.as_path(), Path::new("/usr/include")])
        .out_dir(root.join("src/envd/generated"))
        .emit_rerun_directives(false)
        .buffa_config(messages)
        .file_per_package(true)
        .client_feature_name("envd-client")
        .include_file("mod.rs")
        .compile()
        .map_err(Into::into)
}
