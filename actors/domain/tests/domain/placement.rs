//! Placement keeps within what hosts have, and says why when it cannot.

mod snapshots;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use roost_domain::fleet::Fleet;
use roost_domain::placement::place;
use roost_domain::{Rejection, sandbox};
use roost_schemas::command::{Create, Placement};
use roost_schemas::event::{EngineKind, HostEvent, HostRegistered, TemplateEvent, TemplateRegistered};
use roost_schemas::reply::Code;
use roost_schemas::spec::{Resources, SandboxSpec};
use roost_schemas::subject::{AggregateId, EventSubject};
use roost_schemas::{Sequence, TenantId, Timestamp};

use crate::support::events::commit;
use crate::support::{History, host_id, sandbox_id, spec, template_name, tenant};

/// vCPUs that may be promised per vCPU of a host.
const CPU_OVERCOMMIT: u32 = 4;

/// A fleet with its next free sequence.
#[derive(Debug, Clone, Default)]
struct World {
    fleet: Fleet,
    last: u64,
}

impl World {
    fn with_template(name: &str) -> Self {
        let defaults = Resources {
            vcpus: 2,
            memory_mb: 256,
        };
        let registered = TemplateRegistered {
            digest: "blake3:00".into(),
            bytes: 1,
            drive_bytes: None,
            defaults,
        };
        let payload = commit("c", Timestamp(1), vec![TemplateEvent::Registered(registered)]).encode();
        let mut world = Self::default();
        world.apply(
            TenantId::system(),
            AggregateId::Template(template_name(name)),
            &payload,
        );
        world
    }

    fn apply(&mut self, tenant: TenantId, aggregate: AggregateId, payload: &[u8]) {
        self.last += 1;
        let subject = EventSubject { tenant, aggregate };
        self.fleet.apply(&subject, Sequence(self.last), payload).unwrap();
    }

    fn host(&mut self, name: &str, size: HostSize) {
        let mut events = vec![HostEvent::Registered(HostRegistered {
            capacity: size.capacity,
            max_sandboxes: size.max_sandboxes,
            engine: EngineKind::Qemu,
            engine_version: "1".into(),
            release: "0.1.0".into(),
            edge: None,
            lease: 0,
        })];
        events.extend(size.drained.then_some(HostEvent::Drained));
        self.apply(
            TenantId::system(),
            AggregateId::Host(host_id(name)),
            &commit("c", Timestamp(1), events).encode(),
        );
    }

    /// Creates a sandbox where `placement` says.
    fn create(&mut self, spec: &SandboxSpec, placement: Placement) {
        let mut history = History::default();
        let create = Create {
            spec: spec.clone(),
            fork: None,
            placement: Some(placement),
        };
        history.tell(sandbox::Command::Create(create)).unwrap();
        let id = AggregateId::Sandbox(sandbox_id(&format!("sb{}", self.last)));
        self.apply(tenant(), id, &history.commits[0].1.encode());
    }
}

#[derive(Debug, Clone, Copy)]
struct HostSize {
    capacity: Resources,
    max_sandboxes: u32,
    drained: bool,
}

impl HostSize {
    /// Whether it has room for `asked` beside what `fleet` has on it.
    fn fits(self, fleet: &Fleet, name: &str, asked: Resources) -> bool {
        let (used, count) = fleet.used(&host_id(name));
        !self.drained
            && count < self.max_sandboxes
            && used.vcpus + asked.vcpus <= self.capacity.vcpus * CPU_OVERCOMMIT
            && used.memory_mb + asked.memory_mb <= self.capacity.memory_mb
    }
}

fn hosts() -> impl Strategy<Value = Vec<HostSize>> {
    let host = (0..9u32, 0..4_096u32, 0..9u32, prop::bool::weighted(0.2)).prop_map(
        |(vcpus, memory_mb, max_sandboxes, drained)| {
            let capacity = Resources { vcpus, memory_mb };
            HostSize {
                capacity,
                max_sandboxes,
                drained,
            }
        },
    );
    vec(host, 0..4)
}

fn specs() -> impl Strategy<Value = Vec<SandboxSpec>> {
    let sized = |(vcpus, memory_mb)| SandboxSpec {
        vcpus,
        memory_mb,
        ..spec()
    };
    vec((of(1..9u32), of(96..1_024u32)).prop_map(sized), 1..24)
}

proptest! {
    #[test]
    fn a_host_is_never_given_more_than_it_has(hosts in hosts(), specs in specs()) {
        let mut world = World::with_template("base");
        let named: Vec<_> = hosts.iter().enumerate().map(|(n, size)| (format!("h{n}"), *size)).collect();
        for (name, size) in &named {
            world.host(name, *size);
        }
        for spec in specs {
            let asked = Resources { vcpus: spec.vcpus.unwrap_or(2), memory_mb: spec.memory_mb.unwrap_or(256) };
            let fitting: Vec<_> =
                named.iter().filter(|(name, size)| size.fits(&world.fleet, name, asked)).collect();
            match place(&world.fleet, &tenant(), &spec) {
                Ok(placement) => {
                    prop_assert_eq!(placement.resources, asked);
                    let free = |(name, size): &&(String, HostSize)| {
                        size.capacity.memory_mb - world.fleet.used(&host_id(name)).0.memory_mb
                    };
                    let chosen = fitting.iter().find(|(name, _)| *name == placement.host.as_str());
                    let most = fitting.iter().copied().map(|host| free(&host)).max();
                    prop_assert_eq!(chosen.map(free), most, "the one with the most free memory");
                    world.create(&spec, placement);
                }
                Err(Rejection::NoCapacity { hosts, .. }) => {
                    prop_assert!(fitting.is_empty(), "{:?}", fitting);
                    prop_assert_eq!(hosts, named.iter().filter(|(_, size)| !size.drained).count());
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn the_choice_depends_on_the_fleet_alone(hosts in hosts(), specs in specs()) {
        let (mut there, mut back) = (World::with_template("base"), World::with_template("base"));
        let named: Vec<_> = hosts.iter().enumerate().map(|(n, size)| (format!("h{n}"), *size)).collect();
        for (name, size) in &named {
            there.host(name, *size);
        }
        for (name, size) in named.iter().rev() {
            back.host(name, *size);
        }
        for spec in specs {
            let placed = place(&there.fleet, &tenant(), &spec);
            prop_assert_eq!(&place(&there.fleet, &tenant(), &spec), &placed);
            prop_assert_eq!(&place(&back.fleet, &tenant(), &spec), &placed);
            if let Ok(placement) = placed {
                there.create(&spec, placement.clone());
                back.create(&spec, placement);
            }
        }
    }
}

#[test]
fn an_unknown_template_is_refused_with_the_known_ones() {
    let mut unknown = spec();
    unknown.template = template_name("bass");
    let refusal = place(&World::with_template("base").fleet, &tenant(), &unknown).unwrap_err();
    assert_eq!(refusal.code(), Code::NotFound);
    assert_eq!(
        refusal.to_string(),
        "there is no template \"bass\"; known are base"
    );
    let refusal = place(&Fleet::default(), &tenant(), &unknown).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "there is no template \"bass\"; no host has registered any yet"
    );
}

#[test]
fn a_full_fleet_says_what_it_has_no_room_for() {
    let refusal = place(&World::with_template("base").fleet, &tenant(), &spec()).unwrap_err();
    assert_eq!(refusal.code(), Code::NoCapacity);
    assert_eq!(
        refusal.to_string(),
        "no host has room for 2 vCPUs and 256 MiB (0 hosts looked at); end a sandbox or try again later"
    );
}

#[test]
fn absurd_sizes_are_refused_before_hosts_are_looked_at() {
    let fleet = World::with_template("base").fleet;
    let asked = |vcpus, memory_mb| {
        place(
            &fleet,
            &tenant(),
            &SandboxSpec {
                vcpus,
                memory_mb,
                ..spec()
            },
        )
        .unwrap_err()
    };
    assert_eq!(asked(Some(0), None).to_string(), "vcpus is 0: use 1 to 32");
    assert_eq!(asked(Some(33), None).to_string(), "vcpus is 33: use 1 to 32");
    assert_eq!(
        asked(None, Some(95)).to_string(),
        "memory_mb is 95: use 96 to 262144"
    );
    assert_eq!(asked(None, Some(u32::MAX)).code(), Code::InvalidRequest);
}
