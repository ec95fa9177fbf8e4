//! A machine of its own per test: a network namespace in which a pool runs as if it were the host, with an "internet"
//! behind it, so that no test touches the real machine's links, rules or settings.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file includes this module and uses its own part of it"
)]

pub mod frames;
pub mod guest;
pub mod machine;
pub mod names;
pub mod place;
pub mod servers;

pub use guest::Guest;
pub use machine::on_machine;
pub use place::Place;

use std::io::{self, Read};
use std::net::{SocketAddrV4, TcpStream, UdpSocket};
use std::time::Duration;

use roost_schemas::{Generation, Owner};

/// Long enough for any packet that will arrive, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for a packet that must not arrive. Each such target is reachable from the host, which is checked.
pub const DOUBT: Duration = Duration::from_millis(400);

/// An owner by name.
pub fn owner(sandbox: &str, generation: u64) -> Owner {
    Owner {
        sandbox: sandbox.parse().expect("a sandbox id"),
        generation: Generation(generation),
    }
}

/// What a greeting server says to the calling thread's namespace, within `patience`.
pub fn greet(server: &str, patience: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server.parse().expect("an address"), patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut greeting = String::new();
    stream.read_to_string(&mut greeting)?;
    Ok(greeting)
}

/// The same over UDP.
pub fn greet_udp(server: &str, patience: Duration) -> io::Result<String> {
    let server: SocketAddrV4 = server.parse().expect("an address");
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(b"hello")?;
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
