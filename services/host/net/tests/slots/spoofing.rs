//! Frames that a guest makes by hand: it speaks as itself, over IPv4, or not at all.

use std::fs::File;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::common::frames::{Arp, arp, arp_reply};
use crate::common::guest::attach_to;
use crate::common::machine::{INTERNET, PUBLIC};
use crate::common::servers::Server;
use crate::common::{DOUBT, Guest, PATIENCE, frames, greet, on_machine, owner};
use roost_net::{Slot, SlotPool, guest, run_inside};

#[test]
fn a_guest_speaks_only_as_itself() {
    on_machine(|machine| async move {
        let server = Server::start_in(&machine.internet, "0.0.0.0:7000");
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let guest = Guest::boot(&slot).await;
        let target = (INTERNET.parse().unwrap(), 7000);
        let slot_end = machine
            .config("a")
            .validate()
            .unwrap()
            .addresses(slot.number)
            .unwrap()
            .slot_end;
        for (index, source) in ["169.254.0.20", "10.0.0.1", PUBLIC, INTERNET, "0.0.0.0"]
            .iter()
            .enumerate()
        {
            let lie = frames::datagram(
                guest::MAC.0,
                (source.parse().unwrap(), 4000),
                target,
                &format!("address {index}"),
            );
            guest.send_raw(&lie);
        }
        guest.send_raw(&frames::datagram(
            guest::MAC.0,
            (slot_end, 4000),
            target,
            "veth address",
        ));
        guest.send_raw(&frames::datagram(
            [2, 0, 0, 0, 0, 9],
            (guest::ADDRESS, 4000),
            target,
            "hardware address",
        ));
        guest.send_raw(&frames::honest(4000, target, "honest"));
        heard_only_the_honest(&server).await;
        pool.purge().await.unwrap();
    });
}

#[test]
fn frames_of_other_kinds_go_nowhere() {
    on_machine(|machine| async move {
        let server = Server::start_in(&machine.internet, "0.0.0.0:7000");
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let guest = Guest::boot(&slot).await;
        let target = (INTERNET.parse().unwrap(), 7000);
        let plain = |payload| frames::honest(4000, target, payload);
        guest.send_raw(&frames::tagged(&plain("in a VLAN"), 7));
        guest.send_raw(&frames::routed(&plain("by a route of its own"), guest::GATEWAY));
        guest.send_raw(&frames::routed(
            &plain("by way of the host"),
            PUBLIC.parse().unwrap(),
        ));
        guest.send_raw(&frames::ipv6());
        let mut to_all = plain("to everybody");
        to_all[frames::VNET..frames::VNET + 6].copy_from_slice(&[0xff; 6]);
        guest.send_raw(&to_all);
        let mut to_other = plain("to another card");
        to_other[frames::VNET + 5] ^= 0xff;
        guest.send_raw(&to_other);
        guest.send_raw(&plain("honest"));
        heard_only_the_honest(&server).await;
        pool.purge().await.unwrap();
    });
}

#[test]
fn a_guest_learns_by_arp_of_its_gateway_alone_and_takes_nobody_s_place() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let plan = machine.config("a").validate().unwrap();
        let own = plan.addresses(slot.number).unwrap();
        let before = neighbours(&slot).await;
        let wire = attach_to(&slot).await;
        let honest = arp(Arp::Request, guest::MAC.0, guest::ADDRESS, guest::GATEWAY);
        // A link that has just got its other end takes a moment until it sends.
        let started = Instant::now();
        while replies(&wire).is_empty() {
            assert!(started.elapsed() < PATIENCE, "no reply at all");
            send(&wire, &honest);
        }
        let public: Ipv4Addr = PUBLIC.parse().unwrap();
        let others = [
            own.slot_end,
            own.host_end,
            own.host_address,
            guest::METADATA,
            public,
        ];
        for address in others {
            // Asked for, and claimed.
            send(&wire, &arp(Arp::Request, guest::MAC.0, guest::ADDRESS, address));
            send(&wire, &arp(Arp::Reply, guest::MAC.0, address, guest::GATEWAY));
            send(&wire, &arp(Arp::Request, guest::MAC.0, address, guest::GATEWAY));
        }
        let other_card = [2, 0, 0, 0, 0, 9];
        for sender in [guest::ADDRESS, guest::GATEWAY] {
            send(&wire, &arp(Arp::Reply, other_card, sender, guest::GATEWAY));
            send(&wire, &arp(Arp::Request, other_card, sender, guest::GATEWAY));
        }
        send(&wire, &honest);
        assert_eq!(replies(&wire), [(guest::GATEWAY_MAC.0, guest::GATEWAY)]);
        assert_eq!(neighbours(&slot).await, before);
        drop(wire);
        let guest = Guest::boot(&slot).await;
        let _server = Server::start_in(&guest.place, "0.0.0.0:7000");
        greet(&format!("{}:7000", slot.host_address), PATIENCE).unwrap();
        drop(guest);
        pool.purge().await.unwrap();
    });
}

fn send(mut wire: &File, frame: &[u8]) {
    wire.write_all(frame).expect("the TAP is up");
}

/// The ARP replies that come until nothing has come for a while.
fn replies(mut wire: &File) -> Vec<([u8; 6], Ipv4Addr)> {
    let mut found = Vec::new();
    let wait = PollTimeout::try_from(DOUBT).expect("short");
    while poll(&mut [PollFd::new(wire.as_fd(), PollFlags::POLLIN)], wait).is_ok_and(|ready| ready > 0) {
        let mut frame = vec![0; 2048];
        let length = wire.read(&mut frame).expect("a frame");
        found.extend(arp_reply(&frame[..length]));
    }
    found
}

/// Whom the slot believes to have which address.
async fn neighbours(slot: &Slot) -> String {
    let read = || std::fs::read_to_string("/proc/thread-self/net/arp");
    run_inside(slot.netns.clone(), read).await.unwrap().unwrap()
}

/// Frames are carried in order: once the honest one has arrived, no other will.
async fn heard_only_the_honest(server: &Server) {
    let started = Instant::now();
    while server.heard().is_empty() && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.heard(), ["honest"]);
}
