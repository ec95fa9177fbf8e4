//! The metadata address: the slot's own, for its guest alone.

use std::time::Instant;

use crate::common::servers::Server;
use crate::common::{DOUBT, Guest, PATIENCE, greet, on_machine, owner};
use roost_net::{Slot, SlotPool, guest, run_inside};

const SERVICE: &str = "169.254.169.254:80";

/// Stands in for an engine that serves metadata.
async fn serve(slot: &Slot) -> Server {
    run_inside(slot.netns.clone(), || Server::start(SERVICE))
        .await
        .unwrap()
}

#[test]
fn a_guest_is_answered_by_its_own_slot() {
    on_machine(|machine| async move {
        // What clouds have there, as far as the machine can see.
        let _cloud = Server::start_in(&machine.internet, SERVICE);
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let _service = serve(&slot).await;
        let served = Guest::boot(&slot).await;
        let other = Guest::boot(&pool.claim(owner("sb2", 1)).await.unwrap()).await;
        for _ in 0..3 {
            let as_whom = served.greet(SERVICE, PATIENCE).unwrap();
            assert_eq!(as_whom, guest::ADDRESS.to_string());
        }
        let started = Instant::now();
        other.greet(SERVICE, PATIENCE).unwrap_err();
        assert!(started.elapsed() < PATIENCE, "refused, not ignored");
        drop((served, other));
        pool.purge().await.unwrap();
    });
}

#[test]
fn only_its_port_is_open_and_only_over_tcp() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let _service = serve(&slot).await;
        let inside = || Server::start("0.0.0.0:7000");
        let _more = run_inside(slot.netns.clone(), inside).await.unwrap();
        let guest = Guest::boot(&slot).await;
        guest.greet_udp(SERVICE, DOUBT).unwrap_err();
        for address in [guest::METADATA, guest::GATEWAY] {
            guest.greet(&format!("{address}:7000"), DOUBT).unwrap_err();
            guest.greet_udp(&format!("{address}:7000"), DOUBT).unwrap_err();
        }
        pool.purge().await.unwrap();
    });
}

#[test]
fn nobody_else_reaches_it_and_from_inside_nothing_is_reached() {
    on_machine(|machine| async move {
        let pool = SlotPool::open(machine.config("a")).await.unwrap();
        let slot = pool.claim(owner("sb1", 1)).await.unwrap();
        let _service = serve(&slot).await;
        let everywhere = || Server::start("0.0.0.0:81");
        let _more = run_inside(slot.netns.clone(), everywhere).await.unwrap();
        let guest = Guest::boot(&slot).await;
        let _program = Server::start_in(&guest.place, "0.0.0.0:7000");
        let plan = machine.config("a").validate().unwrap();
        let addresses = plan.addresses(slot.number).unwrap();
        // With a route that asks for it, which the host does not have by itself.
        let route = addresses.slot_end.to_string();
        crate::common::place::Net::open()
            .route("169.254.169.254", 32, &route)
            .await;
        for server in [SERVICE.to_owned(), format!("{}:81", addresses.slot_end)] {
            greet(&server, DOUBT).unwrap_err();
        }
        for server in [SERVICE, "169.254.0.21:7000"] {
            let reached = run_inside(slot.netns.clone(), move || greet(server, DOUBT));
            reached.await.unwrap().unwrap_err();
        }
        guest.greet(SERVICE, PATIENCE).expect("the guest's own");
        pool.purge().await.unwrap();
    });
}
