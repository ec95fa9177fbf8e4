//! `roost shell` at a real terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use tokio::process::{Child, Command};

use super::{Roost, program};

/// How long anything may take to appear.
const PATIENCE: Duration = Duration::from_mins(1);

/// A terminal, the program at it, and what is to be seen there.
struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<String>>,
    child: Child,
    /// Held open, so that its settings can be looked at when the program has ended.
    line: File,
}

impl Terminal {
    /// `roost shell` at a terminal of that size.
    fn shell(roost: &Roost<'_>, id: &str, size: Winsize) -> Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        tcsetwinsize(&master, size)?;
        let line = File::from(open(
            &*ptsname(&master, Vec::new())?,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )?);
        // In a session of its own, whose terminal this is: then it is told of new sizes.
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait"])
            .arg(program()?)
            .args(["shell", id]);
        let told = roost.command(&[])?;
        for (name, value) in told.as_std().get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .stdin(line.try_clone()?)
            .stdout(line.try_clone()?)
            .stderr(line.try_clone()?)
            .kill_on_drop(true);
        let child = command.spawn().context("setsid of util-linux")?;
        let keyboard = File::from(master);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut source, seen) = (keyboard.try_clone()?, Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // It ends with an error when nobody has the other side open any more.
            while let Ok(read) = source.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..read]);
                seen.lock().expect("nobody panics with it").push_str(&text);
            }
        });
        Ok(Self {
            keyboard,
            screen,
            child,
            line,
        })
    }

    fn types(&mut self, keys: &str) -> Result<()> {
        Ok(self.keyboard.write_all(keys.as_bytes())?)
    }

    /// Waits until `text` is to be seen, and wipes the screen.
    async fn shows(&mut self, text: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            {
                let mut screen = self.screen.lock().expect("nobody panics with it");
                if screen.contains(text) {
                    screen.clear();
                    return Ok(());
                }
                ensure!(began.elapsed() < PATIENCE, "no {text:?} in {screen:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ends(mut self) -> Result<i32> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let modes = tcgetattr(&self.line)?.local_modes;
        ensure!(
            modes.contains(LocalModes::ICANON | LocalModes::ECHO),
            "the terminal is not as it was: {modes:?}"
        );
        status
            .context("it does not end")??
            .code()
            .context("nobody killed it")
    }
}

fn size(ws_col: u16, ws_row: u16) -> Winsize {
    Winsize {
        ws_row,
        ws_col,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

pub(super) async fn is_a_terminal(roost: &Roost<'_>, id: &str) -> Result<()> {
    let mut terminal = Terminal::shell(roost, id, size(97, 31))?;
    // Put together there, so that what is typed is not what is waited for.
    terminal.types("echo rea''dy; stty size\r")?;
    terminal.shows("ready").await?;
    terminal.types("stty size\r")?;
    terminal.shows("31 97").await?;
    tcsetwinsize(&terminal.keyboard, size(120, 50))?;
    let began = Instant::now();
    while terminal.shows_now("50 120").is_none() {
        ensure!(began.elapsed() < PATIENCE, "no new size");
        terminal.types("stty size\r")?;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // Ctrl-C is the program's.
    terminal.types("sleep 600\r")?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    terminal.types("\u{3}")?;
    terminal.types("echo still'' here\r")?;
    terminal.shows("still here").await?;
    terminal.types("exit 5\r")?;
    assert_eq!(terminal.ends().await?, 5);

    let mut terminal = Terminal::shell(roost, id, size(80, 24))?;
    terminal.types("echo rea''dy\r")?;
    terminal.shows("ready").await?;
    terminal.types("~.")?;
    assert_eq!(terminal.ends().await?, 0);
    // It was left to itself.
    let running = roost.ok(&["ps", id]).await?;
    ensure!(running.contains("sh"), "{running}");
    // Without a terminal there is none to pass on.
    let ran = roost
        .command(&["shell", id])?
        .stdin(Stdio::null())
        .output()
        .await?;
    assert_eq!(ran.status.code(), Some(125), "{ran:?}");
    Ok(())
}

impl Terminal {
    /// Whether `text` is to be seen already.
    fn shows_now(&self, text: &str) -> Option<()> {
        let screen = self.screen.lock().expect("nobody panics with it");
        screen.contains(text).then_some(())
    }
}
