//! Which step a state calls for: pure, so that a restart comes to the same answer.

use std::time::Duration;

use roost_domain::sandbox::{Phase, Sandbox};

/// The first pause before a boot is tried again; each further one is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// One idempotent piece of work for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Claim, create, spawn, boot, greet; undone as a whole if one of them fails.
    Boot {
        /// To be waited for first.
        after: Duration,
    },
    /// Find the VM that an earlier life of this host started.
    Attach,
    /// Let the slot carry out the network policy.
    Apply,
    /// Destroy and release everything.
    Release,
}

/// What this life of the host knows to be done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// It holds the VM.
    pub attached: bool,
    /// The slot carries out the network policy that the sandbox has now.
    pub applied: bool,
    /// Everything was released.
    pub released: bool,
}

/// What is to be done about `sandbox` on its host.
pub(super) fn next(sandbox: &Sandbox, held: Held) -> Option<Step> {
    match sandbox.phase {
        Phase::Starting => Some(Step::Boot {
            after: backoff(sandbox.failed_starts),
        }),
        Phase::Running if !held.attached => Some(Step::Attach),
        Phase::Running if !held.applied => Some(Step::Apply),
        Phase::Stopping | Phase::Stopped | Phase::Lost | Phase::Failed if !held.released => {
            Some(Step::Release)
        }
        _ => None,
    }
}

fn backoff(failed: u32) -> Duration {
    match failed {
        0 => Duration::ZERO,
        n => FIRST_BACKOFF * 2u32.saturating_pow(n - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(phase: Phase, failed_starts: u32) -> Sandbox {
        Sandbox {
            phase,
            failed_starts,
            ..Sandbox::default()
        }
    }

    const NOTHING: Held = Held {
        attached: false,
        applied: false,
        released: false,
    };
    const ATTACHED: Held = Held {
        attached: true,
        ..NOTHING
    };

    #[test]
    fn a_step_follows_from_the_state_alone() {
        let after = |failed| match next(&sandbox(Phase::Starting, failed), NOTHING) {
            Some(Step::Boot { after }) => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            [after(0), after(1), after(2)],
            [0, 250, 500].map(Duration::from_millis)
        );
        assert_eq!(next(&sandbox(Phase::Placed, 0), NOTHING), None);
        let running = sandbox(Phase::Running, 0);
        let applied = Held {
            applied: true,
            ..ATTACHED
        };
        assert_eq!(next(&running, NOTHING), Some(Step::Attach));
        assert_eq!(next(&running, ATTACHED), Some(Step::Apply));
        assert_eq!(next(&running, applied), None);
        for end in [Phase::Stopping, Phase::Stopped, Phase::Lost, Phase::Failed] {
            let released = Held {
                released: true,
                ..ATTACHED
            };
            assert_eq!(next(&sandbox(end, 0), ATTACHED), Some(Step::Release));
            assert_eq!(next(&sandbox(end, 0), released), None);
        }
    }
}
