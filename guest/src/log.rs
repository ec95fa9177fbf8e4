//! Messages on the console that can never bring PID 1 down.

/// Writes one line to standard error, which the kernel opens on the console.
///
/// `eprintln!` panics when the console is gone, and a panic of PID 1 is a panic of the kernel.
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "roost-guest: {}", format_args!($($arg)*));
    }};
}

pub(crate) use say;
