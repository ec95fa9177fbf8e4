//! Who is killed and who is stopped, when, and for how long.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use roost_schemas::Owner;
use rustix::process::Pid;
use tokio::task::JoinSet;

use super::notebook::Notebook;
use super::stopped::Held;
use super::vms::{Vm, Vms};
use crate::chance::Chance;
use crate::stack::Stack;
use crate::supervise::Role;

/// Milliseconds from one fault to the next.
const BETWEEN: std::ops::Range<u64> = 2000..7000;
/// Milliseconds for which a process stands still, mostly.
const SHORT: std::ops::Range<u64> = 300..6000;
/// Milliseconds that are more than a host's lease and the margin after it, and than what a webhook has in hand is left to it.
const LONG: std::ops::Range<u64> = 28_000..35_000;
/// One stop of a host, of the log or of who tells webhooks in so many is a long one.
const LONG_ONES: usize = 6;
/// A host that stood still for this long may have been given up.
const SILENT: Duration = Duration::from_secs(15);

/// Whom a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// One of the supervised processes.
    Role(Role),
    /// The engine of some VM.
    Engine,
    /// The pager of some VM.
    Pager,
    /// Who freezes the VMs when their host's lease is over.
    Fence,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Role(role) => role.name(),
            Self::Engine => "engine",
            Self::Pager => "pager",
            Self::Fence => "fence",
        })
    }
}

/// How often each is met: whoever dies with a sandbox the least, because that ends what could go wrong in it.
const TARGETS: [(Target, usize); 8] = [
    (Target::Role(Role::Host), 5),
    (Target::Role(Role::Gateway), 3),
    (Target::Role(Role::Reconciler), 3),
    (Target::Role(Role::Log), 4),
    (Target::Role(Role::Webhooks), 3),
    (Target::Engine, 1),
    (Target::Pager, 1),
    (Target::Fence, 2),
];

/// How many faults met whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// By `kill -9`.
    pub(super) kills: BTreeMap<Target, usize>,
    /// By SIGSTOP.
    pub(super) stops: BTreeMap<Target, usize>,
}

/// The source of all faults of a round.
pub(super) struct Faults<'a> {
    stack: &'a Stack,
    notebook: Notebook,
    chance: Chance,
    tally: Tally,
    /// Processes that stand still; dropped, they go on.
    still: JoinSet<()>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(stack: &'a Stack, notebook: Notebook, chance: Chance) -> Self {
        Self {
            stack,
            notebook,
            chance,
            tally: Tally::default(),
            still: JoinSet::new(),
        }
    }

    /// Kills and stops until then, and lets everybody go on that stands still.
    pub(super) async fn torment(&mut self, until: Instant) -> Result<Tally> {
        loop {
            tokio::time::sleep(self.chance.millis(BETWEEN)).await;
            if Instant::now() >= until {
                break;
            }
            let target = self.chance.weighted(&TARGETS);
            let kills = self.chance.below(3) > 0;
            let pick = self.chance.below(usize::MAX);
            let (short, long) = (self.chance.millis(SHORT), self.chance.millis(LONG));
            let is_long = self.chance.below(LONG_ONES) == 0;
            let may_long = matches!(target, Target::Role(Role::Host | Role::Log | Role::Webhooks));
            let pause = if is_long && may_long { long } else { short };
            self.meet(target, kills, pick, pause)?;
        }
        self.still.shutdown().await;
        Ok(std::mem::take(&mut self.tally))
    }

    fn meet(&mut self, target: Target, kills: bool, pick: usize, pause: Duration) -> Result<()> {
        let Some((held, owner)) = self.find(target, pick)? else {
            return Ok(());
        };
        self.notebook.open().victims.extend(owner);
        let tally = if kills {
            &mut self.tally.kills
        } else {
            &mut self.tally.stops
        };
        *tally.entry(target).or_default() += 1;
        if kills {
            held.kill();
            return Ok(());
        }
        if target == Target::Role(Role::Host) && pause > SILENT {
            self.notebook.open().host_was_silent = true;
        }
        if let Some(stopped) = held.stop() {
            self.still.spawn(async move {
                tokio::time::sleep(pause).await;
                drop(stopped);
            });
        }
        Ok(())
    }

    /// A process of that kind, if there is one, and the VM that it belongs to.
    fn find(&self, target: Target, pick: usize) -> Result<Option<(Held, Option<Owner>)>> {
        let role = match target {
            Target::Role(role) => self.stack.process(role)?,
            Target::Engine | Target::Pager => return Ok(self.find_vm(target, pick)),
            Target::Fence => return Ok(self.find_fence()),
        };
        let number = role.pid();
        let pid = number.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        // Still its own once it is held: a process that has ended is not supervised under its id any more.
        let held = pid.and_then(|pid| Held::take(pid, || role.pid() == number));
        Ok(held.map(|held| (held, None)))
    }

    fn find_fence(&self) -> Option<(Held, Option<Owner>)> {
        let vms = Vms::of(self.stack);
        let fence = vms.fence()?;
        Some((Held::take(fence, || vms.fence() == Some(fence))?, None))
    }

    fn find_vm(&self, target: Target, pick: usize) -> Option<(Held, Option<Owner>)> {
        let process = |vm: &Vm| {
            if target == Target::Engine {
                Some(vm.engine)
            } else {
                vm.pager
            }
        };
        let vms = Vms::of(self.stack);
        let mut now = vms.now();
        now.retain(|vm| process(vm).is_some());
        now.sort_by(|one, other| one.owner.cmp(&other.owner));
        let chosen = now.get(pick.checked_rem(now.len())?)?;
        let pid = process(chosen)?;
        let is_it = || {
            vms.now()
                .iter()
                .any(|vm| vm.owner == chosen.owner && process(vm) == Some(pid))
        };
        let held = Held::take(pid, is_it)?;
        Some((held, Some(chosen.owner.clone())))
    }
}
