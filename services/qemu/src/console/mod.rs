//! The guest's serial console: read always, kept only within a budget.
//!
//! QEMU must never wait for us, and a guest that floods its console must not fill the disk. So every byte is read at
//! once, and what exceeds the token bucket of `PUT /serial` is dropped.

mod bucket;

use bucket::Bucket;
use roost_engine::api::{Serial, TokenBucket};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    time::Instant,
};
use tokio::{io::AsyncReadExt, net::UnixStream};

/// What is kept when `PUT /serial` sets no limit: 1 MiB a day.
const DEFAULT_BUDGET: TokenBucket = TokenBucket {
    size: 1 << 20,
    one_time_burst: None,
    refill_time: 86_400_000,
};

/// Where the console goes.
#[derive(Debug)]
pub(crate) struct Console {
    sink: Sink,
    bucket: Bucket,
}

#[derive(Debug)]
enum Sink {
    Stdout,
    File(File),
}

impl Console {
    /// Opens what `serial` names; our own output when it names nothing. The error names the path.
    pub(crate) fn open(serial: &Serial) -> Result<Self, (PathBuf, io::Error)> {
        let sink = match &serial.serial_out_path {
            None => Sink::Stdout,
            Some(path) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map(Sink::File)
                .map_err(|error| (PathBuf::from(path), error))?,
        };
        Ok(Self {
            sink,
            bucket: Bucket::full(serial.rate_limiter.unwrap_or(DEFAULT_BUDGET), Instant::now()),
        })
    }

    /// Copies until QEMU hangs up.
    pub(crate) async fn copy(mut self, mut serial: UnixStream) {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = serial.read(&mut buffer).await {
            let kept = self.bucket.take(read, Instant::now());
            if let Err(error) = self.keep(&buffer[..kept]) {
                tracing::warn!(%error, "cannot write the console; dropping it from here on");
                self.bucket = Bucket::empty();
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::File(file) => file.write_all(bytes),
            Sink::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes)?;
                stdout.flush()
            }
        }
    }
}
