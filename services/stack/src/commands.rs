//! The command lines of the processes.

use std::ffi::OsString;
use std::path::Path;

use crate::folder::StateFolder;
use crate::stack::{Parts, Ports};
use crate::supervise::{Readiness, Role, Spec};

/// The URL under which the daemons find nats-server.
pub(super) fn nats_url(listen: Ports) -> String {
    format!("nats://{}", listen.nats)
}

pub(super) fn nats_server(parts: &Parts, listen: Ports, state: &StateFolder) -> Spec {
    let mut spec = spec(Role::Log, &parts.nats_server, state);
    spec.args = vec![
        "--config".into(),
        state.nats_conf().into(),
        "--addr".into(),
        listen.nats.ip().to_string().into(),
        "--port".into(),
        listen.nats.port().to_string().into(),
        "--store_dir".into(),
        state.of(Role::Log).into(),
        "--ports_file_dir".into(),
        state.of(Role::Log).into(),
    ];
    spec.readiness = Readiness::PortsFile(state.of(Role::Log));
    spec
}

pub(super) fn host(parts: &Parts, listen: Ports, state: &StateFolder) -> Spec {
    let mut spec = daemon(Role::Host, &parts.binaries.host, listen, state);
    spec.args.extend(["--images".into(), parts.images.clone().into()]);
    spec.args.extend(["--host-id".into(), state.host_id().into()]);
    spec.env
        .push(("ROOST_TOKEN_KEY".into(), state.token_key().into()));
    spec.env.extend_from_slice(&parts.host_env);
    spec
}

pub(super) fn reconciler(parts: &Parts, listen: Ports, state: &StateFolder) -> Spec {
    let mut spec = daemon(Role::Reconciler, &parts.binaries.reconciler, listen, state);
    spec.args.extend(allow_targets(parts));
    spec
}

pub(super) fn webhooks(parts: &Parts, listen: Ports, state: &StateFolder) -> Spec {
    let mut spec = daemon(Role::Webhooks, &parts.binaries.webhooks, listen, state);
    spec.args.extend(allow_targets(parts));
    if let Some(patience) = parts.webhooks.patience_sec {
        spec.args
            .extend(["--patience".into(), patience.to_string().into()]);
    }
    spec.env
        .push(("ROOST_TOKEN_KEY".into(), state.token_key().into()));
    spec
}

/// Where webhooks may go besides the internet: what the router admits, the teller has to reach.
fn allow_targets(parts: &Parts) -> impl Iterator<Item = OsString> {
    let options = |range: &String| ["--allow-targets".into(), range.into()];
    parts.webhooks.allow_targets.iter().flat_map(options)
}

pub(super) fn gateway(parts: &Parts, listen: Ports, state: &StateFolder) -> Spec {
    let mut spec = daemon(Role::Gateway, &parts.binaries.gateway, listen, state);
    spec.args
        .extend(["--listen".into(), listen.gateway.to_string().into()]);
    spec.env.push(("ROOST_API_KEY".into(), state.api_key().into()));
    spec.env
        .push(("ROOST_TOKEN_KEY".into(), state.token_key().into()));
    spec
}

fn daemon(role: Role, program: &Path, listen: Ports, state: &StateFolder) -> Spec {
    let mut spec = spec(role, program, state);
    let args: [OsString; 4] = [
        "--nats".into(),
        nats_url(listen).into(),
        "--state".into(),
        state.of(role).into(),
    ];
    spec.args.extend(args);
    // On a port of its own choice, which its log tells.
    spec.args.extend(["--metrics".into(), "127.0.0.1:0".into()]);
    if let Some(credentials) = state.credentials(role) {
        spec.args.extend(["--nats-nkey".into(), credentials.into()]);
    }
    // An error's own words are worth more at the end of a log than the frames it came through; panics keep theirs.
    spec.env.push(("RUST_LIB_BACKTRACE".into(), "0".into()));
    spec
}

fn spec(role: Role, program: &Path, state: &StateFolder) -> Spec {
    Spec {
        role,
        program: program.to_owned(),
        args: Vec::new(),
        env: Vec::new(),
        log: state.log(role),
        readiness: Readiness::Line,
    }
}
