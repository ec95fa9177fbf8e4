//! What strangers can send to the guest's agent, thrown at it by libFuzzer; and what a disk can make of a manifest.
//!
//! ```text
//! targets/NAME ─▶ the input as a request ─▶ jail: a thread of its own, chrooted into an empty tmpfs ─▶ the real agent
//! ```
//!
//! The agent does what requests say, and it runs as root: hence the jail, which needs root as well. A target is a plain
//! function, so that an ordinary build can put single inputs through it: `cargo run -p roost-fuzz --bin NAME FILE…`.

pub mod envelope;
pub mod files_query;
mod jail;
pub mod manifest;
pub mod multipart;

use std::process::ExitCode;

/// What libFuzzer calls with every input.
pub type Target = fn(&[u8]);

/// Puts the files named on the command line through a target, as libFuzzer does with what it found.
pub fn replay(target: Target) -> ExitCode {
    for path in std::env::args_os().skip(1) {
        match std::fs::read(&path) {
            Ok(input) => target(&input),
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::Target;

    /// The seeds are valid, so that the fuzzer need not find out by itself what a valid input looks like.
    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| fs::read(entry.unwrap().path()).unwrap())
            .collect()
    }

    #[test]
    fn every_seed_passes_its_target() {
        let targets: [(&str, Target); 4] = [
            ("envelope", super::envelope::run),
            ("files_query", super::files_query::run),
            ("manifest", super::manifest::run),
            ("multipart", super::multipart::run),
        ];
        for (name, target) in targets {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name} has no seeds");
            for seed in seeds {
                target(&seed);
                target(&seed[..seed.len() / 2]);
            }
            target(b"");
        }
    }
}
