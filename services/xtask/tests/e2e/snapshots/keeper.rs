//! A program in the guest that keeps pages in memory and in a file, and a model here that knows every byte of them.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use xtask::chance::Chance;
use xtask::client::Api;

use super::{background, shell};

const PROGRAM: &str = include_str!("keeper.py");
const PAGE: usize = 4096;
/// Pages in the program's memory, and in its file.
const PAGES: [usize; 2] = [2048, 1024];
/// How these two are called to the program.
const PLACES: [char; 2] = ['m', 'f'];

/// What the keeper in one sandbox holds: the value of each page, zero for a page of zeros.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pages: [Vec<u32>; 2],
}

impl Keeper {
    /// Has one start in a sandbox.
    pub(super) async fn start(api: &Api, sandbox: &str) -> Result<Self> {
        let [memory, file] = PAGES.map(|pages| pages.to_string());
        background(api, sandbox, "python3", &["-c", PROGRAM, &memory, &file]).await?;
        shell(api, sandbox, "until [ -p /tmp/answer ]; do sleep 0.1; done").await?;
        Ok(Self {
            pages: PAGES.map(|pages| vec![0; pages]),
        })
    }

    /// Has it write some pages of each kind, and make others zero.
    pub(super) async fn write(&mut self, api: &Api, sandbox: &str, chance: &mut Chance) -> Result<()> {
        let mut line = "write".to_owned();
        for (place, pages) in PLACES.into_iter().zip(&mut self.pages) {
            let near = chance.below(pages.len());
            for _ in 0..50 + chance.below(250) {
                // Half of them close together, so that there are runs.
                let number = match chance.below(2) {
                    0 => chance.below(pages.len()),
                    _ => (near + chance.below(64)) % pages.len(),
                };
                pages[number] = match chance.below(4) {
                    0 => 0,
                    _ => 1 + u32::try_from(chance.below(1_000_000))?,
                };
                write!(line, " {place}:{number}:{}", pages[number])?;
            }
        }
        self.ask(api, sandbox, &line).await?;
        if chance.below(3) == 0 {
            self.ask(api, sandbox, "drop").await?;
        }
        Ok(())
    }

    /// Asks the one in `sandbox`, which is to hold exactly this.
    pub(super) async fn check(&self, api: &Api, sandbox: &str) -> Result<()> {
        let told = self.ask(api, sandbox, "tell").await?;
        let [memory, file] = &self.pages;
        let expected = format!("{} {}\n", digest(memory), digest(file));
        ensure!(
            told == expected,
            "{sandbox} holds other bytes: {told:?} instead of {expected:?}"
        );
        Ok(())
    }

    async fn ask(&self, api: &Api, sandbox: &str, line: &str) -> Result<String> {
        let ask = format!("echo '{line}' > /tmp/ask; cat /tmp/answer");
        let said = shell(api, sandbox, &ask).await;
        said.with_context(|| format!("the keeper in {sandbox}"))
    }
}

/// Of all pages, as `keeper.py` fills them.
fn digest(pages: &[u32]) -> String {
    let mut whole = Sha256::new();
    for (number, value) in pages.iter().enumerate() {
        let content = match value {
            0 => [0; 32],
            value => Sha256::digest(format!("{number} {value}")).into(),
        };
        whole.update(content.repeat(PAGE / content.len()));
    }
    let digest = whole.finalize();
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}
