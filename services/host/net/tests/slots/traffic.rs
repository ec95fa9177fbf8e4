//! What packets of a guest, of the host and of strangers can and cannot do, on real namespaces and a real packet filter.

use std::time::Instant;

use crate::common::machine::{FORBIDDEN, INTERNET, PUBLIC};
use crate::common::servers::Server;
use crate::common::{DOUBT, Guest, PATIENCE, frames, greet, greet_udp, on_machine, owner};
use roost_net::{SlotPool, guest};

#[test]
fn a_guest_reaches_the_internet_as_the_machine() {
    on_machine(|machine| async move {
        let _server = Server::start_in(&machine.internet, "0.0.0.0:7000");
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let guest = Guest::boot(&pool.claim(owner("sb1", 1)).await.unwrap()).await;
        let server = format!("{INTERNET}:7000");
        assert_eq!(guest.greet(&server, PATIENCE).unwrap(), PUBLIC);
        assert_eq!(guest.greet_udp(&server, PATIENCE).unwrap(), PUBLIC);
        pool.purge().await.unwrap();
    });
}

#[test]
fn private_networks_and_the_metadata_address_are_refused_at_once() {
    on_machine(|machine| async move {
        let _server = Server::start_in(&machine.internet, "0.0.0.0:7000");
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let guest = Guest::boot(&pool.claim(owner("sb1", 1)).await.unwrap()).await;
        for address in FORBIDDEN {
            let server = format!("{address}:7000");
            greet(&server, PATIENCE)
                .unwrap_or_else(|error| panic!("{server} is reachable from the host: {error}"));
            let started = Instant::now();
            guest.greet(&server, PATIENCE).unwrap_err();
            assert!(started.elapsed() < PATIENCE, "{server} was refused, not ignored");
            guest.greet_udp(&server, DOUBT).unwrap_err();
        }
        pool.purge().await.unwrap();
    });
}

#[test]
fn no_address_of_the_host_answers_a_guest() {
    on_machine(|machine| async move {
        let _server = Server::start("0.0.0.0:7000");
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let guest = Guest::boot(&slot).await;
        let range = machine.config("a").validate().unwrap();
        let veth = range.addresses(slot.number).unwrap();
        let addresses = [
            PUBLIC.to_owned(),
            veth.host_end.to_string(),
            guest::GATEWAY.to_string(),
        ];
        for address in &addresses[..2] {
            greet(&format!("{address}:7000"), PATIENCE).expect("the host reaches itself");
        }
        for address in addresses {
            guest.greet(&format!("{address}:7000"), DOUBT).unwrap_err();
            guest.greet_udp(&format!("{address}:7000"), DOUBT).unwrap_err();
        }
        pool.purge().await.unwrap();
    });
}

#[test]
fn guests_do_not_reach_each_other() {
    on_machine(|machine| async move {
        let (one, two) = (
            SlotPool::open(machine.config("a")).await.unwrap(),
            SlotPool::open(machine.config("b")).await.unwrap(),
        );
        // Two of one host, and one of another host on the machine.
        let slots = [
            one.claim(owner("sb1", 1)).await.unwrap(),
            one.claim(owner("sb2", 1)).await.unwrap(),
            two.claim(owner("sb3", 1)).await.unwrap(),
        ];
        let guests = [
            Guest::boot(&slots[0]).await,
            Guest::boot(&slots[1]).await,
            Guest::boot(&slots[2]).await,
        ];
        let _servers = guests
            .each_ref()
            .map(|guest| Server::start_in(&guest.place, "0.0.0.0:7000"));
        let plan = machine.config("a").validate().unwrap();
        for (from, guest) in guests.iter().enumerate() {
            for slot in slots
                .iter()
                .enumerate()
                .filter(|(to, _)| *to != from)
                .map(|(_, slot)| slot)
            {
                let slot_end = plan.addresses(slot.number).unwrap().slot_end;
                greet(&format!("{}:7000", slot.host_address), PATIENCE)
                    .expect("the host reaches every guest");
                guest
                    .greet(&format!("{}:7000", slot.host_address), DOUBT)
                    .unwrap_err();
                guest.greet(&format!("{slot_end}:7000"), DOUBT).unwrap_err();
            }
        }
        drop(guests);
        one.purge().await.unwrap();
        two.purge().await.unwrap();
    });
}

#[test]
fn the_host_reaches_a_guest_and_strangers_do_not() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let guest = Guest::boot(&slot).await;
        let _server = Server::start_in(&guest.place, "0.0.0.0:49983");
        let server = format!("{}:49983", slot.host_address);
        // To the guest, the host is its gateway, whichever slot it runs in.
        assert_eq!(greet(&server, PATIENCE).unwrap(), guest::GATEWAY.to_string());
        assert_eq!(greet_udp(&server, PATIENCE).unwrap(), guest::GATEWAY.to_string());

        machine.internet.net(|net| async move {
            net.route("10.11.0.0", 16, PUBLIC).await;
            net.route("10.12.0.0", 16, PUBLIC).await;
        });
        let slot_end = machine
            .config("a")
            .validate()
            .unwrap()
            .addresses(slot.number)
            .unwrap()
            .slot_end;
        for target in [server, format!("{slot_end}:49983")] {
            machine.internet.run(move || greet(&target, DOUBT)).unwrap_err();
        }
        drop(guest);
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_guest_that_floods_uses_up_its_own_connections_only() {
    on_machine(|machine| async move {
        let _server = Server::start_in(&machine.internet, "0.0.0.0:7000");
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let flooder = Guest::boot(&pool.claim(owner("sb1", 1)).await.unwrap()).await;
        let neighbour = Guest::boot(&pool.claim(owner("sb2", 1)).await.unwrap()).await;
        let server = format!("{INTERNET}:7000");
        flooder.greet(&server, PATIENCE).unwrap();
        for port in 10_000..14_200 {
            flooder.send_raw(&frames::honest(
                port,
                ("203.0.113.99".parse().unwrap(), 9),
                "flood",
            ));
        }
        flooder.greet(&server, DOUBT).unwrap_err();
        neighbour.greet(&server, PATIENCE).unwrap();
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_slot_has_no_ipv6() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let _guest = Guest::boot(&slot).await;
        let read = || std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
        assert_eq!(roost_net::run_inside(slot.netns, read).await.unwrap(), "");
        let outside = read();
        assert!(!outside.contains("roost"), "{outside}");
        pool.purge().await.unwrap();
    });
}
