//! Servers that tell a client by which address they know it, over TCP and UDP.

use std::io::{self, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Place;

/// A server's thread, stopped when dropped.
pub struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves TCP and UDP on `address` in the calling thread's namespace.
    pub fn start(address: &str) -> Self {
        let tcp = TcpListener::bind(address).expect(address);
        let udp = UdpSocket::bind(address).expect(address);
        tcp.set_nonblocking(true).expect("a socket");
        udp.set_read_timeout(Some(Duration::from_millis(10)))
            .expect("a socket");
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, record) = (Arc::clone(&stop), Arc::clone(&heard));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // The datagram's timeout paces both.
                let _ = serve_tcp(&tcp);
                let _ = serve_udp(&udp, &record);
            }
        });
        Self {
            stop,
            thread: Some(thread),
            heard,
        }
    }

    /// The same inside `place`.
    pub fn start_in(place: &Place, address: &str) -> Self {
        let address = address.to_owned();
        place.run(move || Self::start(&address))
    }

    /// All datagrams so far.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve_tcp(socket: &TcpListener) -> io::Result<()> {
    let (mut stream, peer) = socket.accept()?;
    write!(stream, "{}", peer.ip())
}

fn serve_udp(socket: &UdpSocket, heard: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut question = [0; 64];
    let (length, peer) = socket.recv_from(&mut question)?;
    heard
        .lock()
        .expect("no panic")
        .push(String::from_utf8_lossy(&question[..length]).into_owned());
    socket.send_to(peer.ip().to_string().as_bytes(), peer)?;
    Ok(())
}
