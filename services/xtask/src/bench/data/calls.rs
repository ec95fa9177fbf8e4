//! How long it takes to run `true`, and whether a hundred programs at once each get their own output.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use connectrpc::client::{CallOptions, ClientConfig, HttpClient};
use roost_schemas::envd::process::__buffa::oneof::process_event::{Event, data_event};
use roost_schemas::envd::process::process_event::EndEvent;
use roost_schemas::envd::process::{ProcessClient, ProcessConfig, StartRequest, StartResponse};

use super::guest::{Guest, Way};
use crate::bench::table;
use crate::stack::Stack;

/// What a call through the gateway may take, as a multiple of one straight to the agent.
const BAR: f64 = 1.25;
/// Calls each way.
const CALLS: usize = 100;
/// Calls before those that count.
const WARM_UP: usize = 10;
/// Programs at once.
const AT_ONCE: usize = 100;

pub(super) async fn measure(_stack: &Stack, guest: &Guest) -> Result<bool> {
    let mut ways = [guest.straight(), guest.through_gateway()].map(|way| (Caller::new(&way), Vec::new()));
    for round in 0..WARM_UP + CALLS {
        for (caller, times) in &mut ways {
            let began = Instant::now();
            caller.run("true", &[]).await?;
            if round >= WARM_UP {
                times.push(began.elapsed());
            }
        }
    }
    let [straight, whole] = ways.map(|(caller, mut times)| {
        let median = table::median(&mut times);
        let worst = times.last().copied().unwrap_or_default();
        println!(
            "  {:<24} p50 {:>7} µs, worst {:>7} µs",
            caller.name,
            median.as_micros(),
            worst.as_micros()
        );
        median
    });
    let met = table::judge("gateway / agent, p50", ratio(whole, straight), BAR);
    at_once(guest).await?;
    Ok(met)
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

async fn at_once(guest: &Guest) -> Result<()> {
    let caller = Caller::new(&guest.through_gateway());
    let began = Instant::now();
    let runs = (0..AT_ONCE).map(async |number| {
        let word = format!("number {number}");
        let output = caller.run("echo", &[&word]).await?;
        ensure!(output == format!("{word}\n"), "program {number} got {output:?}");
        Ok(())
    });
    futures::future::try_join_all(runs).await?;
    println!(
        "  {AT_ONCE} programs at once, all correct: {} ms",
        began.elapsed().as_millis()
    );
    Ok(())
}

/// Runs programs one way.
struct Caller {
    name: &'static str,
    client: ProcessClient<HttpClient>,
    options: CallOptions,
}

impl Caller {
    fn new(way: &Way) -> Self {
        let base = way.base.parse().expect("an address makes a URL");
        let options = way
            .headers
            .iter()
            .fold(CallOptions::default(), |options, (name, value)| {
                options.with_header(*name, value)
            });
        Self {
            name: way.name,
            client: ProcessClient::new(HttpClient::plaintext(), ClientConfig::new(base).proto()),
            options,
        }
    }

    /// Runs a program to its end, which must be a good one, and returns what it wrote.
    async fn run(&self, cmd: &str, args: &[&str]) -> Result<String> {
        let process = ProcessConfig {
            cmd: cmd.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            ..ProcessConfig::default()
        };
        let request = StartRequest {
            process: process.into(),
            stdin: Some(false),
            ..StartRequest::default()
        };
        let failed = |error| anyhow!("{cmd} by way of the {}: {error}", self.name);
        let started = self
            .client
            .start_with_options(request, self.options.clone())
            .await;
        let mut stream = started.map_err(failed)?;
        let (mut output, mut end) = (Vec::new(), None::<EndEvent>);
        while let Some(message) = stream.message::<StartResponse>().await.map_err(failed)? {
            let event = message.to_owned_message().event.into_option();
            match event.and_then(|event| event.event) {
                Some(Event::Data(data)) => {
                    if let Some(data_event::Output::Stdout(bytes)) = data.output {
                        output.extend_from_slice(&bytes);
                    }
                }
                Some(Event::End(ended)) => end = Some(*ended),
                _ => {}
            }
        }
        ensure!(
            end.as_ref().is_some_and(|end| end.exited && end.exit_code == 0),
            "{cmd} by way of the {} ended as {end:?}",
            self.name
        );
        Ok(String::from_utf8(output)?)
    }
}
