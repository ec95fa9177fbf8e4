//! What those who look after Roost see of it: one trace through every process, and every process' figures.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use xtask::client::{Answer, Api};
use xtask::stack::Stack;
use xtask::supervise::Role;

use crate::harness::with_stack;
use crate::restart::eventually;

/// What a client sends that has begun a trace of its own.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// The header of answers that names the trace.
const ANSWERED: &str = "roost-trace";
/// The daemons that tell figures on an address of their own.
const DAEMONS: [Role; 4] = [Role::Gateway, Role::Reconciler, Role::Host, Role::Webhooks];

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_trace_to_the_guest_and_a_figure_in_every_process() -> Result<()> {
    with_stack(async |stack| {
        let api = stack.api();
        let sandbox = a_clients_trace_goes_through_every_process(stack, &api).await?;
        a_program_is_told_its_trace(&api, &sandbox).await?;
        a_client_without_a_trace_is_told_of_one(&api, &sandbox).await?;
        every_process_tells_its_figures(stack).await?;
        the_gateways_figures_are_the_operators_alone(&api).await?;
        api.kill(&sandbox).await
    })
    .await
}

async fn traced(api: &Api, path: &str, body: &Value) -> Result<Answer> {
    let headers = [("content-type", "application/json"), ("traceparent", PARENT)];
    api.send_raw(Method::POST, path, &headers, body.to_string()).await
}

async fn a_clients_trace_goes_through_every_process(stack: &Stack, api: &Api) -> Result<String> {
    let created = traced(api, "/v1/sandboxes", &json!({"template": "minimal"})).await?;
    ensure!(created.headers[ANSWERED] == TRACE, "{:?}", created.headers);
    let created: Value = created.read(StatusCode::CREATED)?;
    let sandbox = created["id"].as_str().context("an id")?.to_owned();
    for role in [Role::Gateway, Role::Reconciler, Role::Host] {
        eventually("the trace is in its log", async || {
            let log = fs::read_to_string(stack.state().log(role))?;
            let line = log.lines().find(|line| line.contains(TRACE));
            line.map(drop)
                .with_context(|| format!("the {}'s log does not have the trace", role.name()))
        })
        .await?;
    }
    eventually("the guest has said it on its console", async || {
        let said = fs::read_to_string(console(stack, &sandbox)?)?;
        ensure!(said.contains(TRACE), "{said}");
        Ok(())
    })
    .await?;
    Ok(sandbox)
}

/// Where the host keeps what the guest of `sandbox` writes on its console.
fn console(stack: &Stack, sandbox: &str) -> Result<PathBuf> {
    let engines = PathBuf::from(format!("/run/roost/hosts/{}/engines", stack.state().host_id()));
    let prefix = format!("{sandbox}.");
    let mut folders = fs::read_dir(engines)?.flatten();
    let folder = folders.find(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
    let folder = folder.with_context(|| format!("{sandbox} has no engine"))?;
    Ok(folder.path().join("root/console.log"))
}

async fn a_program_is_told_its_trace(api: &Api, sandbox: &str) -> Result<()> {
    let path = format!("/v1/sandboxes/{sandbox}/exec");
    let print = |env: Value| json!({"cmd": "sh", "args": ["-c", "echo $TRACEPARENT"], "env": env});
    let run: Value = traced(api, &path, &print(json!({})))
        .await?
        .read(StatusCode::OK)?;
    let told = run["stdout"].as_str().unwrap_or_default().trim();
    ensure!(told.starts_with(&format!("00-{TRACE}-")), "{run}");
    ensure!(told != PARENT, "the span is the host's, not the client's");
    let own = json!({"TRACEPARENT": "mine"});
    let run: Value = traced(api, &path, &print(own)).await?.read(StatusCode::OK)?;
    ensure!(run["stdout"] == "mine\n", "a client's own word stands: {run}");
    Ok(())
}

async fn a_client_without_a_trace_is_told_of_one(api: &Api, sandbox: &str) -> Result<()> {
    let path = format!("/v1/sandboxes/{sandbox}");
    let mut seen = Vec::new();
    for parent in [
        "",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    ] {
        let answer = api
            .send_raw(Method::GET, &path, &[("traceparent", parent)], Vec::new())
            .await?
            .expect(StatusCode::OK)?;
        let trace = answer.headers[ANSWERED].to_str()?.to_owned();
        ensure!(
            trace.len() == 32 && !seen.contains(&trace),
            "{trace} after {seen:?}"
        );
        seen.push(trace);
    }
    Ok(())
}

async fn every_process_tells_its_figures(stack: &Stack) -> Result<()> {
    let expected: [&[&str]; 4] = [
        &[
            "roost_http_requests_total{method=\"POST\",route=\"/v1/sandboxes\",status=\"201\"} 1",
            "roost_http_request_seconds_bucket{route=\"/v1/sandboxes/{id}/exec\"",
        ],
        &[
            "roost_commands_total{hop=\"router\",kind=\"create\",outcome=\"accepted\"} 1",
            "roost_sandboxes{phase=\"running\"} 1",
            "roost_hosts{state=\"taking\"} 1",
        ],
        &[
            "roost_commands_total{hop=\"host\",kind=\"exec\",outcome=\"accepted\"} 2",
            "roost_steps_total{step=\"start\"} 1",
            "roost_operation_seconds_bucket{operation=\"restore\",phase=\"load\",outcome=\"ok\"",
            "roost_operation_seconds_bucket{operation=\"restore\",phase=\"all\",outcome=\"ok\"",
            "roost_pager_faults_total",
            "roost_slots{state=\"claimed\"} 1",
        ],
        &[],
    ];
    for (role, expected) in DAEMONS.into_iter().zip(expected) {
        let shared = [
            "roost_log_lag ",
            "process_resident_memory_bytes ",
            "roost_build_info{",
        ];
        eventually("its figures are complete", async || {
            let figures = figures(stack, role).await?;
            for line in expected.iter().chain(&shared) {
                ensure!(
                    figures.contains(line),
                    "the {} has no {line}: {figures}",
                    role.name()
                );
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// What a process tells at the address that its log names.
async fn figures(stack: &Stack, role: Role) -> Result<String> {
    let log = fs::read_to_string(stack.state().log(role))?;
    let (_, rest) = log
        .rsplit_once("figures at http://")
        .with_context(|| format!("the {} tells no figures", role.name()))?;
    let (address, _) = rest.split_once("/metrics").context("the path")?;
    let api = Api::new(address.parse::<std::net::SocketAddr>()?, "none").anonymous();
    let answer = api.send(Method::GET, "/metrics", &Value::Null).await?;
    Ok(String::from_utf8(answer.expect(StatusCode::OK)?.body.to_vec())?)
}

async fn the_gateways_figures_are_the_operators_alone(api: &Api) -> Result<()> {
    let ask = async |api: &Api| api.send(Method::GET, "/metrics", &Value::Null).await;
    let told = ask(api).await?.expect(StatusCode::OK)?;
    ensure!(
        told.headers["content-type"]
            .to_str()?
            .starts_with("text/plain; version=0.0.4")
    );
    ask(&api.anonymous()).await?.expect(StatusCode::UNAUTHORIZED)?;
    let key = json!({"name": "telemetry", "scope": "admin"});
    let key: Value = api
        .send(Method::POST, "/v1/keys", &key)
        .await?
        .read(StatusCode::CREATED)?;
    let tenants = Api::new(api.base().clone(), key["key"].as_str().context("the key")?);
    ask(&tenants).await?.expect(StatusCode::FORBIDDEN)?;
    Ok(())
}
