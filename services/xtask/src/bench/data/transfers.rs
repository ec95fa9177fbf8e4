//! A large file up and down by curl: through the gateway, and from and to a static file server in the same guest.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::process::Command;

use super::guest::Guest;
use crate::bench::table;
use crate::process;
use crate::stack::Stack;

/// What the gateway must move, as a share of what the static file server does.
const BAR: f64 = 0.7;
/// Where the static file server listens in the guest.
const SERVER_PORT: u16 = 8000;
/// Where the files lie in the guest.
const FOLDER: &str = "/root/bench";
/// How long the static file server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Python's own static file server, and the few lines that let it take files as well.
const SERVER: &str = r#"
import http.server, os, shutil
os.makedirs("/root/bench", exist_ok=True)
os.chdir("/root/bench")
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        with open(self.path.lstrip("/"), "wb") as file:
            while left:
                piece = self.rfile.read(min(left, 1 << 18))
                file.write(piece)
                left -= len(piece)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"#;

/// One transfer: what curl is told.
struct Transfer {
    name: &'static str,
    arguments: Vec<String>,
}

pub(super) async fn measure(stack: &Stack, guest: &Guest, rounds: u32, mib: u64) -> Result<bool> {
    let folder = tempfile::Builder::new().prefix("roost-bench-").tempdir()?;
    let file = folder.path().join("large");
    std::fs::File::create(&file)?.set_len(mib << 20)?;
    serve(stack, guest).await?;

    let (up, down) = (uploads(guest, &file), downloads(guest));
    let mut met = true;
    for (what, pair) in [("upload", up), ("download", down)] {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (transfer, rates) in pair.iter().zip(&mut rates) {
                rates.push(run(transfer, mib).await?);
            }
        }
        for (transfer, rates) in pair.iter().zip(&rates) {
            table::row(&format!("{what}, {}, ms", transfer.name), rates);
        }
        let [server, gateway] = rates.map(|mut times| table::median(&mut times));
        met &= table::judge_at_least(
            &format!("{what}: gateway / static file server"),
            server.as_secs_f64() / gateway.as_secs_f64(),
            BAR,
        );
    }
    Ok(met)
}

fn uploads(guest: &Guest, file: &Path) -> [Transfer; 2] {
    let file = file.to_string_lossy().into_owned();
    let way = guest.through_gateway();
    let headers = way.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let headers = headers.chain(["Content-Type: application/octet-stream".to_owned()]);
    [
        Transfer {
            name: "static server",
            arguments: vec!["--upload-file".into(), file.clone(), server(guest, "up-static")],
        },
        Transfer {
            name: "gateway",
            arguments: [
                "--request".to_owned(),
                "POST".into(),
                "--upload-file".into(),
                file,
            ]
            .into_iter()
            .chain(headers.flat_map(|header| ["--header".to_owned(), header]))
            .chain([format!(
                "{}/files?path={FOLDER}/up-gateway&username=root",
                way.base
            )])
            .collect(),
        },
    ]
}

fn downloads(guest: &Guest) -> [Transfer; 2] {
    let way = guest.through_gateway();
    let headers = way.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    [
        Transfer {
            name: "static server",
            arguments: vec![server(guest, "up-static")],
        },
        Transfer {
            name: "gateway",
            arguments: headers
                .flat_map(|header| ["--header".to_owned(), header])
                .chain([format!(
                    "{}/files?path={FOLDER}/up-static&username=root",
                    way.base
                )])
                .collect(),
        },
    ]
}

fn server(guest: &Guest, name: &str) -> String {
    format!("http://{}:{SERVER_PORT}/{name}", guest.address)
}

/// Starts the static file server in the guest and waits until it listens.
async fn serve(stack: &Stack, guest: &Guest) -> Result<()> {
    let script = format!("nohup python3 -c '{SERVER}' >/dev/null 2>&1 &");
    let request = json!({"cmd": "sh", "args": ["-c", script], "user": "root"});
    stack.api().exec(guest.id.as_str(), &request).await?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if tokio::net::TcpStream::connect((guest.address, SERVER_PORT))
            .await
            .is_ok()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the static file server does not listen after {PATIENCE:?}")
}

/// Transfers once and tells how long it took.
async fn run(transfer: &Transfer, mib: u64) -> Result<Duration> {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--fail-with-body",
            "--output",
            "/dev/null",
        ])
        .args([
            "--header",
            "Expect:",
            "--write-out",
            "%{size_download} %{size_upload}",
        ])
        .args(&transfer.arguments);
    let began = Instant::now();
    let moved = process::run(&mut command).await.context(transfer.name)?;
    let took = began.elapsed();
    let bytes = moved
        .split_whitespace()
        .filter_map(|number| number.parse::<u64>().ok())
        .max();
    ensure!(bytes == Some(mib << 20), "{} moved {moved} bytes", transfer.name);
    Ok(took)
}
