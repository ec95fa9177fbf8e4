//! What a client does to sandboxes by HTTP.

use anyhow::{Result, bail};
use hyper::{Method, StatusCode};
use roost_schemas::{SandboxId, Sequence, TemplateName};
use serde_json::{Value, json};

use super::ask::{Outcome, sandbox_path};
use super::{Client, HOMES, Home};
use crate::chaos::notebook::{Invariant, Told};
use crate::client::Output;

/// The file in the guest to which every exec adds its line: in its memory, so that a guest that was started anew has none.
const BOOK: &str = "/dev/shm/book";

/// How often a sandbox is asked for its book at last; a timeout that is just due may come between.
const LAST_TRIES: usize = 3;

impl Client {
    pub(super) async fn create(&mut self) -> Result<()> {
        if self.chance.below(4) == 0 {
            return self.create_by_queue().await;
        }
        let on_timeout = ["kill", "pause"][self.chance.below(2)];
        let on_host_down = ["lose", "resume"][self.chance.below(2)];
        let body = json!({
            "template": "minimal", "timeout_sec": 3600,
            "on_timeout": on_timeout, "on_host_down": on_host_down,
        });
        let request = self.request(Method::POST, "/v1/sandboxes", body)?;
        if let Outcome::Done(answer) = self.insist(&request).await {
            let sandbox: Value = serde_json::from_slice(&answer.body)?;
            let id = SandboxId::new(sandbox["id"].as_str().unwrap_or_default())?;
            self.move_in(&id, Vec::new());
            self.acknowledged(Told::Created, &request, &id, &answer);
            self.keep(request, &answer);
        }
        Ok(())
    }

    pub(super) fn move_in(&mut self, id: &SandboxId, book: Vec<String>) {
        self.homes.push(Home {
            id: id.clone(),
            book,
            seen: Sequence::default(),
            is_paused: false,
        });
    }

    pub(super) async fn exec(&mut self, home: usize) -> Result<()> {
        let id = self.homes[home].id.clone();
        let line = format!("by-http-{}-{}", self.number, self.keys + 1);
        let body = json!({"cmd": "sh", "args": ["-c", written(&line)], "user": "root", "timeout_sec": 20});
        let request = self.request(Method::POST, &sandbox_path(&id, "/exec"), body)?;
        match self.insist(&request).await {
            Outcome::Done(answer) => {
                let output: Output = serde_json::from_slice(&answer.body)?;
                if output.exit_code == 0 {
                    self.homes[home].book.push(line);
                    self.acknowledged(Told::Ran, &request, &id, &answer);
                    self.compare(home, &output.stdout);
                }
                self.keep(request, &answer);
            }
            Outcome::Refused(_) => self.look_after(home).await?,
            Outcome::Unknown => {}
        }
        Ok(())
    }

    /// Holds the book against what was acknowledged.
    pub(super) fn compare(&mut self, home: usize, book: &str) {
        let home = &mut self.homes[home];
        let stands = |line: &str| book.lines().filter(|one| *one == line).count();
        for line in book.lines().filter(|line| stands(line) > 1) {
            let seen = format!("{line} stands {} times in the book of {}", stands(line), home.id);
            self.notebook.broken(Invariant::Once, Some(&home.id), seen);
        }
        let (there, missed) = std::mem::take(&mut home.book)
            .into_iter()
            .partition(|line| stands(line) > 0);
        home.book = there;
        let missed: Vec<String> = missed;
        let missed = missed.into_iter().map(|line| (home.id.clone(), line));
        self.notebook.open().missed.extend(missed);
    }

    pub(super) async fn pause(&mut self, home: usize) -> Result<()> {
        self.turn(home, "/pause", Value::Null, Told::Paused).await
    }

    pub(super) async fn resume(&mut self, home: usize) -> Result<()> {
        self.turn(home, "/resume", Value::Null, Told::Resumed).await
    }

    /// A short time, which is often over before the next wish.
    pub(super) async fn timeout(&mut self, home: usize) -> Result<()> {
        let seconds = [5, 20, 600][self.chance.below(3)];
        let body = json!({"timeout_sec": seconds});
        self.turn(home, "/timeout", body, Told::TimeoutSet).await
    }

    async fn turn(&mut self, home: usize, what: &str, body: Value, told: Told) -> Result<()> {
        let id = self.homes[home].id.clone();
        let request = self.request(Method::POST, &sandbox_path(&id, what), body)?;
        match self.insist(&request).await {
            Outcome::Done(answer) => {
                match &told {
                    Told::Paused => self.homes[home].is_paused = true,
                    Told::Resumed => self.homes[home].is_paused = false,
                    _ => {}
                }
                self.acknowledged(told, &request, &id, &answer);
                self.keep(request, &answer);
            }
            Outcome::Refused(_) => self.look_after(home).await?,
            Outcome::Unknown => {}
        }
        Ok(())
    }

    /// A child with what was in the book before it was asked for; the oldest home is given up for it if need be.
    pub(super) async fn fork(&mut self, home: usize) -> Result<()> {
        let Home { id, book, .. } = self.homes[home].clone();
        let request = self.request(Method::POST, &sandbox_path(&id, "/fork"), json!({}))?;
        let answer = match self.insist(&request).await {
            Outcome::Done(answer) => answer,
            Outcome::Refused(_) => return self.look_after(home).await,
            Outcome::Unknown => return Ok(()),
        };
        let forked: Value = serde_json::from_slice(&answer.body)?;
        if let Some(child) = forked["sandboxes"][0]["sandbox"]["id"].as_str() {
            let child = SandboxId::new(child)?;
            self.move_in(&child, book);
            self.acknowledged(Told::Forked, &request, &child, &answer);
            self.keep(request, &answer);
        }
        if self.homes.len() > HOMES {
            self.kill(0).await?;
        }
        Ok(())
    }

    pub(super) async fn save(&mut self, home: usize) -> Result<()> {
        let id = self.homes[home].id.clone();
        let name = TemplateName::new(format!("saved-{}-{}", self.number, self.keys + 1))?;
        let body = json!({"sandbox_id": id, "name": name});
        let request = self.request(Method::POST, "/v1/snapshots", body)?;
        match self.insist(&request).await {
            Outcome::Done(answer) => {
                self.acknowledged(Told::Saved(name), &request, &id, &answer);
                self.keep(request, &answer);
            }
            Outcome::Refused(_) => self.look_after(home).await?,
            Outcome::Unknown => {}
        }
        Ok(())
    }

    pub(super) async fn kill(&mut self, home: usize) -> Result<()> {
        let id = self.homes.remove(home).id;
        let request = self.request(Method::DELETE, &sandbox_path(&id, ""), Value::Null)?;
        if let Outcome::Done(answer) = self.insist(&request).await {
            self.acknowledged(Told::Killed, &request, &id, &answer);
            self.keep(request, &answer);
        }
        Ok(())
    }

    /// Has a sandbox run, and reads its book a last time; nothing of one that has ended.
    pub(in crate::chaos) async fn read_book(&mut self, id: &SandboxId) -> Result<()> {
        let position = |client: &Self| client.homes.iter().position(|home| home.id == *id);
        for _ in 0..LAST_TRIES {
            let Some(home) = position(self) else { return Ok(()) };
            self.look_after(home).await?;
            let Some(home) = position(self) else { return Ok(()) };
            self.resume(home).await?;
            let Some(home) = position(self) else { return Ok(()) };
            let before = self.notebook.open().acknowledged.len();
            self.exec(home).await?;
            if self.notebook.open().acknowledged.len() > before {
                return Ok(());
            }
        }
        bail!("{id} lives, but no program runs in it")
    }

    /// Looks at a sandbox, and moves out if it has ended.
    pub(super) async fn view(&mut self, home: usize) -> Result<()> {
        self.look_after(home).await
    }

    pub(super) async fn look_after(&mut self, home: usize) -> Result<()> {
        let this = self.homes[home].clone();
        let Some(answer) = self.read(&this).await else {
            return Ok(());
        };
        if answer.status != StatusCode::OK {
            let seen = format!("{} was acknowledged, and is answered {}", this.id, answer.status);
            self.notebook
                .broken(Invariant::Acknowledged, Some(&this.id), seen);
            self.homes.remove(home);
            return Ok(());
        }
        let now: Value = serde_json::from_slice(&answer.body)?;
        let state = now["state"].as_str().unwrap_or_default();
        if matches!(state, "stopped" | "lost" | "failed") {
            self.homes.remove(home);
        } else {
            self.homes[home].is_paused = state == "paused";
        }
        Ok(())
    }
}

/// A shell's line that adds a line to the book, and returns all of it.
pub(super) fn written(line: &str) -> String {
    format!("echo {line} >> {BOOK}; cat {BOOK}")
}
