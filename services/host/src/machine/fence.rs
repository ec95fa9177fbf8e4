//! The fence: one `roost-fence` per host, which outlives this agent and stops its VMs when their time is over.
//!
//! ```text
//!   <run>/   fence.json  fence.sock  fence.log
//! ```
//!
//! One that has died, or does not answer, is replaced by another that is told until when VMs may run.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::time::Duration;

use async_trait::async_trait;
use roost_engine::{AdoptError, Daemon, Process, ProcessId, find_process, read_record, write_record};
use roost_fence::control::{Request, Status};
use roost_runtime::port::{Fault, Fence};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

const STEP: &str = "move the fence";
/// How long a new fence may take until it listens.
const READY: Duration = Duration::from_secs(15);
/// How long it may take to answer: it tells every engine first.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of its longest answer.
const MAX_ANSWER: u64 = 256;
/// The pause before another is started in the place of one that could not be.
const BACKOFF: Duration = Duration::from_secs(1);

/// The fence of this host.
#[derive(Debug)]
pub struct RealFence {
    files: Files,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    process: Process,
    /// Milliseconds of the steady clock until which VMs may run, as far as this agent has said.
    until_ms: u64,
}

/// The program, and where it lives.
#[derive(Debug)]
struct Files {
    program: PathBuf,
    run: PathBuf,
}

/// A fence as it is written down in the run folder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    process: ProcessId,
}

impl RealFence {
    /// The fence that an earlier life of this host has left, else a new one, which is closed.
    pub async fn open(program: PathBuf, run: &Path) -> Result<Self, Fault> {
        let files = Files {
            program,
            run: run.to_owned(),
        };
        let process = match files.find()? {
            Some(process) if files.ask(Request::Status).await.is_ok() => process,
            _ => files.start(0).await?,
        };
        let held = Mutex::new(Held { process, until_ms: 0 });
        Ok(Self { files, held })
    }

    /// Sees to it that there is one, for as long as it is waited for.
    pub async fn keep(&self) {
        loop {
            let process = self.held.lock().await.process.clone();
            process.wait().await;
            let mut held = self.held.lock().await;
            if held.process.identity() != process.identity() {
                continue;
            }
            tracing::error!("the fence has died; another takes its place");
            match self.files.start(held.until_ms).await {
                Ok(process) => held.process = process,
                Err(fault) => {
                    tracing::error!(%fault, "there is no fence");
                    drop(held);
                    sleep(BACKOFF).await;
                }
            }
        }
    }

    /// Ends the fence that a host with this run folder has left, if there is one.
    pub async fn remove(program: PathBuf, run: &Path) -> Result<(), Fault> {
        let run = run.to_owned();
        Files { program, run }.end().await
    }
}

#[async_trait]
impl Fence for RealFence {
    async fn extend(&self, until: Duration) -> Result<(), Fault> {
        let mut held = self.held.lock().await;
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        held.until_ms = held.until_ms.max(until_ms);
        if let Err(fault) = self.files.ask(Request::Extend { until_ms }).await {
            tracing::error!(%fault, "the fence does not answer; another takes its place");
            held.process = self.files.start(held.until_ms).await?;
        }
        Ok(())
    }
}

impl Files {
    fn socket(&self) -> PathBuf {
        self.run.join("fence.sock")
    }

    fn record(&self) -> PathBuf {
        self.run.join("fence.json")
    }

    /// One that runs, whether it was written down or not.
    fn find(&self) -> Result<Option<Process>, Fault> {
        const STEP: &str = "look for the fence";
        let record = read_record::<Record>(&self.record()).map_err(|error| Fault::of(STEP, &error))?;
        match record.map(|record| Process::adopt("the fence", &record.process)) {
            Some(Ok(process)) => return Ok(Some(process)),
            Some(Err(error @ AdoptError::Io { .. })) => return Err(Fault::of(STEP, &error)),
            Some(Err(_)) | None => {}
        }
        find_process(|words| self.is_ours(words)).map_err(|error| Fault::of(STEP, &error))
    }

    /// Whether a command line is that of the program with `--run` and our folder.
    fn is_ours(&self, words: &[&[u8]]) -> bool {
        let program = words
            .first()
            .and_then(|word| Path::new(std::ffi::OsStr::from_bytes(word)).file_name());
        program == self.program.file_name()
            && words
                .windows(2)
                .any(|pair| pair[0] == b"--run" && pair[1] == self.run.as_os_str().as_bytes())
    }

    async fn end(&self) -> Result<(), Fault> {
        if let Some(process) = self.find()? {
            let ended = process.end().await;
            ended.map_err(|error| Fault::of("end the fence", &error))?;
        }
        match fs::remove_file(self.socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Fault::of("remove the fence's socket", &error))
            }
            _ => Ok(()),
        }
    }

    /// Starts one, in the place of any other, that lets VMs run until then.
    async fn start(&self, until_ms: u64) -> Result<Process, Fault> {
        const STEP: &str = "start the fence";
        self.end().await?;
        let daemon = Daemon {
            program: self.program.clone(),
            args: vec![
                "--run".into(),
                self.run.clone().into(),
                "--socket".into(),
                self.socket().into(),
                "--until-ms".into(),
                until_ms.to_string().into(),
            ],
            dir: self.run.clone(),
            log: self.run.join("fence.log"),
            netns: None,
            alone: false,
            announces: true,
        };
        let mut spawned = daemon.spawn().await.map_err(|error| Fault::of(STEP, &error))?;
        let stdout = spawned
            .stdout()
            .ok_or_else(|| Fault::new(STEP, "it has no output"))?;
        match timeout(READY, first_line(stdout)).await {
            Ok(Ok(line)) if line.trim_end() == "ready" => {}
            Ok(Ok(line)) => {
                let log = self.run.join("fence.log");
                let detail = format!("it said {line:?} instead of \"ready\"; see {}", log.display());
                return Err(Fault::new(STEP, detail));
            }
            Ok(Err(error)) => return Err(Fault::of(STEP, &error)),
            Err(_) => {
                return Err(Fault::timed_out(
                    STEP,
                    format!("it was not ready within {READY:?}"),
                ));
            }
        }
        let process = spawned.identity().clone();
        write_record(&self.record(), &Record { process })
            .map_err(|error| Fault::new(STEP, format!("cannot record it: {error}")))?;
        spawned.keep().map_err(|error| Fault::of(STEP, &error))
    }

    async fn ask(&self, request: Request) -> Result<Status, Fault> {
        let answer = timeout(PATIENCE, self.exchange(request)).await;
        let answer = answer.map_err(|_| Fault::timed_out(STEP, format!("no answer within {PATIENCE:?}")))?;
        let answer = answer.map_err(|error| Fault::of(STEP, &error))?;
        serde_json::from_slice(&answer).map_err(|error| Fault::of(STEP, &error))
    }

    async fn exchange(&self, request: Request) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(self.socket()).await?;
        let mut line = serde_json::to_vec(&request)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

async fn first_line(stdout: ChildStdout) -> io::Result<String> {
    let stdout = tokio::process::ChildStdout::from_std(stdout)?;
    let mut line = String::new();
    BufReader::new(stdout.take(64)).read_line(&mut line).await?;
    Ok(line)
}
