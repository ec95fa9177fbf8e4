//! `GET /metrics`: what the sandbox uses of its machine, by E2B's names.

use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use nix::sys::statvfs::statvfs;
use serde::Serialize;

use super::blocking::blocking;
use super::http::{Body, boxed, refusal};

/// Takes samples; processor time is counted from one to the next.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    last: Mutex<Times>,
}

/// The answer. Sizes are in bytes where the name does not say otherwise.
#[derive(Debug, Serialize)]
struct Sample {
    /// Seconds since 1970.
    ts: u64,
    cpu_count: usize,
    /// Of all processors together, since the last sample or, before there is one, since the start.
    cpu_used_pct: f64,
    mem_total: u64,
    mem_used: u64,
    mem_cache: u64,
    mem_total_mib: u64,
    mem_used_mib: u64,
    disk_used: u64,
    disk_total: u64,
}

/// Processor time since boot, in ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    all: u64,
    idle: u64,
}

/// Of /proc/meminfo, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Memory {
    total: u64,
    available: u64,
    cache: u64,
}

impl Metrics {
    /// A sample as JSON.
    pub(super) async fn answer(&self) -> Response<Body> {
        let read = blocking(|| Ok::<_, io::Error>((read("stat")?, read("meminfo")?, disk()?))).await;
        let (stat, meminfo, (disk_used, disk_total)) = match read {
            Ok(read) => read,
            Err(error) => {
                let text = format!("cannot read the machine's figures: {error}");
                return refusal(StatusCode::INTERNAL_SERVER_ERROR, &text);
            }
        };
        let (times, cpu_count) = processors(&stat);
        let memory = memory(&meminfo);
        let mem_used = memory.total.saturating_sub(memory.available);
        let sample = Sample {
            ts: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs(),
            cpu_count,
            cpu_used_pct: self.since_last(times),
            mem_total: memory.total,
            mem_used,
            mem_cache: memory.cache,
            mem_total_mib: memory.total >> 20,
            mem_used_mib: mem_used >> 20,
            disk_used,
            disk_total,
        };
        // Numbers only: this cannot fail.
        let text = serde_json::to_vec(&sample).unwrap_or_default();
        let mut response = Response::new(boxed(Full::from(text)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn since_last(&self, now: Times) -> f64 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let percent = used(*last, now);
        *last = now;
        percent
    }
}

/// Per cent with two decimals.
fn used(before: Times, now: Times) -> f64 {
    let all = now.all.saturating_sub(before.all);
    let busy = all.saturating_sub(now.idle.saturating_sub(before.idle));
    if all == 0 {
        return 0.0;
    }
    // Ticks of an age fit a double's 53 bits.
    #[allow(clippy::cast_precision_loss, reason = "a percentage needs no more")]
    let share = busy as f64 / all as f64;
    (share * 10_000.0).round() / 100.0
}

/// The sum over all processors, and how many there are; see `proc_stat(5)`.
fn processors(stat: &str) -> (Times, usize) {
    let mut times = Times::default();
    let mut count = 0;
    for line in stat.lines() {
        let mut fields = line.split_ascii_whitespace();
        match fields.next() {
            Some("cpu") => {
                // user, nice, system, idle, iowait, irq, softirq, steal; what follows is in user already.
                let ticks: Vec<u64> = fields.take(8).filter_map(|field| field.parse().ok()).collect();
                times.all = ticks.iter().sum();
                times.idle = ticks.iter().skip(3).take(2).sum();
            }
            Some(name) if name.starts_with("cpu") => count += 1,
            _ => {}
        }
    }
    (times, count)
}

fn memory(meminfo: &str) -> Memory {
    let mut memory = Memory::default();
    for line in meminfo.lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let kib = value.trim().trim_end_matches(" kB").parse().unwrap_or(0u64);
        match name {
            "MemTotal" => memory.total = kib << 10,
            "MemAvailable" => memory.available = kib << 10,
            "Cached" | "SReclaimable" => memory.cache += kib << 10,
            _ => {}
        }
    }
    memory
}

/// Used and total bytes of the root; what only root may use counts as used.
fn disk() -> io::Result<(u64, u64)> {
    let root = statvfs("/")?;
    let total = root.blocks() * root.fragment_size();
    let available = root.blocks_available() * root.fragment_size();
    Ok((total.saturating_sub(available), total))
}

fn read(name: &str) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_counted_between_samples() {
        let stat = "cpu  100 0 50 800 50 0 0 0 30 0\ncpu0 60 0 20 400 20 0 0 0 0 0\ncpu1 40 0 30 400 30 0 0 0 0 0\nintr 5\n";
        let (times, count) = processors(stat);
        assert_eq!((times, count), (Times { all: 1000, idle: 850 }, 2));
        let metrics = Metrics::default();
        assert!((metrics.since_last(times) - 15.0).abs() < 1e-9);
        let later = Times { all: 1300, idle: 950 };
        assert!((metrics.since_last(later) - 66.67).abs() < 1e-9);
        assert!(metrics.since_last(later).abs() < 1e-9);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:     1000 kB\nMemFree: 1 kB\nMemAvailable:   400 kB\nCached: 10 kB\nSReclaimable: 5 kB\n";
        let expected = Memory {
            total: 1_024_000,
            available: 409_600,
            cache: 15_360,
        };
        assert_eq!(memory(text), expected);
    }

    #[tokio::test]
    async fn this_machine_can_be_measured() {
        assert_eq!(Metrics::default().answer().await.status(), StatusCode::OK);
    }
}
