//! A program that keeps random bytes in its memory and in a file, and tells their digests when asked.

use anyhow::{Result, ensure};
use xtask::client::Api;

use super::{background, shell};
use crate::restart::eventually;

/// Counts its answers: one that was started anew would begin from zero, with other bytes.
const PROGRAM: &str = r#"
head -c 1000000 /dev/urandom > /root/file
data=$(head -c 1000000 /dev/urandom | base64)
mkfifo /tmp/ask /tmp/answer
count=0
while true; do
    read -r word < /tmp/ask
    count=$((count + 1))
    { echo "$count"; printf %s "$data" | md5sum; md5sum < /root/file; } > /tmp/answer
done
"#;
const ASK: &str = "echo > /tmp/ask; cat /tmp/answer";

/// What a witness said the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Witness {
    count: u64,
    digests: String,
}

impl Witness {
    /// Has one start in a sandbox.
    pub(super) async fn start(api: &Api, sandbox: &str) -> Result<Self> {
        background(api, sandbox, "bash", &["-c", PROGRAM]).await?;
        let wait = "until [ -p /tmp/answer ]; do sleep 0.1; done";
        shell(api, sandbox, wait).await?;
        Self::ask(api, sandbox).await
    }

    async fn ask(api: &Api, sandbox: &str) -> Result<Self> {
        let answer = shell(api, sandbox, ASK).await?;
        let (count, digests) = answer.split_once('\n').unwrap_or_default();
        Ok(Self {
            count: count.parse()?,
            digests: digests.to_owned(),
        })
    }

    /// Asks the one in `sandbox`, which is to be the same with the same bytes.
    pub(super) async fn testify(&mut self, api: &Api, sandbox: &str) -> Result<()> {
        let now = Self::ask(api, sandbox).await?;
        let expected = Self {
            count: self.count + 1,
            ..self.clone()
        };
        ensure!(now == expected, "in {sandbox}: {now:?} instead of {expected:?}");
        *self = now;
        Ok(())
    }

    /// The same where it was asked less often, or more, since a snapshot was taken.
    pub(super) async fn catch_up(&mut self, api: &Api, sandbox: &str) -> Result<()> {
        let now = Self::ask(api, sandbox).await?;
        ensure!(
            now.digests == self.digests,
            "in {sandbox}: {now:?} after {self:?}"
        );
        *self = now;
        Ok(())
    }

    /// The same after a host was killed, which may have answered nobody meanwhile: how often it was asked is not known.
    pub(super) async fn testify_after_a_crash(&mut self, api: &Api, sandbox: &str) -> Result<()> {
        let now = eventually("the witness", async || Self::ask(api, sandbox).await).await?;
        ensure!(
            now.count > self.count && now.digests == self.digests,
            "in {sandbox}: {now:?} after {self:?}"
        );
        *self = now;
        Ok(())
    }
}
