//! Stands in for a VM: a namespace configured as a guest is, whose network card is joined to a slot's TAP by a thread
//! that carries frames both ways, as an engine does.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use roost_net::{Slot, guest, tap};
use rtnetlink::LinkUnspec;

use super::{Place, greet, greet_udp};

pub struct Guest {
    pub place: Place,
    wire: File,
    stop: Arc<AtomicBool>,
    relay: Option<JoinHandle<()>>,
}

impl Guest {
    /// A running guest in `slot`.
    pub async fn boot(slot: &Slot) -> Self {
        let wire = attach_to(slot).await;
        let place = Place::new();
        let card = place.run(|| tap::attach("eth0").expect("the guest's card"));
        place.net(|net| async move {
            let card = LinkUnspec::new_with_name("eth0")
                .address(guest::MAC.0.to_vec())
                .build();
            net.0
                .link()
                .change(card)
                .execute()
                .await
                .expect("the card's address");
            net.up("eth0").await;
            net.address("eth0", &guest::ADDRESS.to_string(), guest::PREFIX_LEN)
                .await;
            net.route("0.0.0.0", 0, &guest::GATEWAY.to_string()).await;
        });
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, ours) = (Arc::clone(&stop), wire.try_clone().expect("a descriptor"));
        let relay = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                carry(&card, &ours);
            }
        });
        Self {
            place,
            wire,
            stop,
            relay: Some(relay),
        }
    }

    /// Sends a frame of the test's own making.
    pub fn send_raw(&self, frame: &[u8]) {
        (&self.wire).write_all(frame).expect("the TAP is up");
    }

    pub fn greet(&self, server: &str, patience: Duration) -> std::io::Result<String> {
        let server = server.to_owned();
        self.place.run(move || greet(&server, patience))
    }

    pub fn greet_udp(&self, server: &str, patience: Duration) -> std::io::Result<String> {
        let server = server.to_owned();
        self.place.run(move || greet_udp(&server, patience))
    }
}

/// The engine's end of a slot's TAP.
pub async fn attach_to(slot: &Slot) -> File {
    let name = slot.tap;
    let attached = roost_net::run_inside(slot.netns.clone(), move || tap::attach(name)).await;
    attached.expect("the slot's namespace").expect("the slot's TAP")
}

/// Carries the frames that are there, waiting a moment for some.
fn carry(card: &File, wire: &File) {
    let mut ends = [
        PollFd::new(card.as_fd(), PollFlags::POLLIN),
        PollFd::new(wire.as_fd(), PollFlags::POLLIN),
    ];
    let moment = PollTimeout::from(20_u8);
    if poll(&mut ends, moment).is_ok_and(|ready| ready > 0) {
        let ready = ends.map(|end| end.any().unwrap_or(false));
        for (ready, mut from, mut to) in [(ready[0], card, wire), (ready[1], wire, card)] {
            let mut frame = vec![0; 70_000];
            if ready && let Ok(length) = from.read(&mut frame) {
                // A link that is being torn down refuses frames; that is the test's business, not the wire's.
                let _ = to.write(&frame[..length]);
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(relay) = self.relay.take() {
            let _ = relay.join();
        }
    }
}
