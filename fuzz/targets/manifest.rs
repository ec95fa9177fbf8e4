//! See `roost_fuzz::manifest`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| roost_fuzz::manifest::run(input));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    roost_fuzz::replay(roost_fuzz::manifest::run)
}
