//! A place where the agent can do no harm.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use roost_guest::Agent;
use tokio::time::timeout;

/// Where the jail is mounted, in a mount namespace that nobody else sees.
const PLACE: &str = "/mnt";

/// Room in the jail: full soon, as disks are.
const ROOM: &str = "size=16m,nr_inodes=4096,mode=755";

/// How long an answer is listened to: some never end.
const PATIENCE: Duration = Duration::from_millis(20);

/// Turns given to tasks that outlive the answer.
const AFTERMATH: usize = 16;

/// The settings the agent finds.
const SETTINGS: &str = "/settings.json";

/// A request, its body cut into the pieces it arrives in.
pub(crate) struct Job {
    pub(crate) head: Request<()>,
    pub(crate) body: Vec<Bytes>,
    /// The agent's settings as it keeps them, empty for none.
    pub(crate) settings: &'static str,
}

type Question = (Job, mpsc::SyncSender<StatusCode>);

static JAIL: LazyLock<Mutex<mpsc::Sender<Question>>> = LazyLock::new(|| Mutex::new(start()));

/// Sends a request to a fresh agent in an empty jail and returns the status of its answer.
pub(crate) fn send(job: Job) -> StatusCode {
    let (sender, answer) = mpsc::sync_channel(1);
    let jail = JAIL.lock().unwrap_or_else(PoisonError::into_inner).clone();
    jail.send((job, sender))
        .expect("the jail's thread lives as long as the process");
    answer.recv().expect("the agent panicked")
}

/// The thread, and those it starts, see the jail; the rest of the process sees the files it needs.
fn start() -> mpsc::Sender<Question> {
    let (sender, questions) = mpsc::channel::<Question>();
    thread::spawn(move || {
        enter().expect("fuzzing the agent needs root: its jail is a mount of its own");
        for (job, answer) in questions {
            // Gone when the other side is.
            let _ = answer.send(serve(job));
        }
    });
    sender
}

fn enter() -> nix::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(none, PLACE, Some("tmpfs"), MsFlags::MS_NODEV, Some(ROOM))?;
    nix::unistd::chroot(PLACE)?;
    nix::unistd::chdir("/")
}

fn serve(job: Job) -> StatusCode {
    empty().expect("the jail is the agent's own");
    if !job.settings.is_empty() {
        fs::write(SETTINGS, job.settings).expect("an empty jail has room");
    }
    // Anew for each request, so that an input does the same whatever went before it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs a few descriptors only");
    let status = runtime.block_on(async {
        let frames = job
            .body
            .into_iter()
            .map(|piece| Ok::<_, io::Error>(Frame::data(piece)));
        let request = job.head.map(|()| StreamBody::new(stream::iter(frames)));
        let response = Agent::new(Path::new(SETTINGS)).answer(request).await;
        let status = response.status();
        let mut body = response.into_body();
        // Whether it ends, breaks off or goes on.
        let _ = timeout(PATIENCE, async { while let Some(Ok(_)) = body.frame().await {} }).await;
        // What the agent does after its answer counts too.
        for _ in 0..AFTERMATH {
            tokio::task::yield_now().await;
        }
        status
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    status
}

fn empty() -> io::Result<()> {
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
