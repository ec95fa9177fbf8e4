//! A host outside this machine: a network namespace with a public address and a web server.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use futures::TryStreamExt;
use nix::sched::{CloneFlags, unshare};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth};

/// Where it is. Tests run beside each other, so each has a place of its own (RFC 5737: for documentation, so nobody's).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    /// Its address.
    pub(crate) outside: Ipv4Addr,
    /// This machine's address on the link to it.
    pub(crate) machine: Ipv4Addr,
    /// The link's two ends.
    pub(crate) ends: [&'static str; 2],
}

/// A datagram that came there: when, and what it said.
pub(crate) type Heard = (Instant, String);

pub(crate) struct Outside {
    site: Site,
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// The namespace, and with it the link, lives as long as the server's thread.
    _namespace: OwnedFd,
    handle: Handle,
}

impl Outside {
    /// Makes it at `site`, linked to this machine.
    pub(crate) async fn make(site: Site) -> Result<Self> {
        let (made, namespace) = mpsc::channel();
        let (linked, link) = mpsc::channel::<()>();
        let (served, port) = mpsc::channel();
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let record = Arc::clone(&heard);
        thread::spawn(move || live(site, &made, &link, &served, record));
        let namespace: OwnedFd = namespace.recv().context("no namespace")??;
        let handle = open()?;
        let there = LinkUnspec::new_with_name(site.ends[1])
            .setns_by_fd(namespace.as_raw_fd())
            .build();
        let pair = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .name(site.ends[0])
            .set_info_data(InfoData::Veth(InfoVeth::Peer(there)))
            .build();
        handle
            .link()
            .add(pair)
            .execute()
            .await
            .context("cannot make a veth pair")?;
        up(&handle, site.ends[0], site.machine).await?;
        linked.send(()).map_err(|_| anyhow!("the outside is gone"))?;
        let port = port.recv().context("the outside does not serve")??;
        Ok(Self {
            site,
            port,
            heard,
            _namespace: namespace,
            handle,
        })
    }

    /// Its server, which tells every caller the address it is seen under.
    pub(crate) fn url(&self) -> String {
        format!("http://{}:{}/", self.site.outside, self.port())
    }

    /// All datagrams to the server's port so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Takes the link away. A test that fails leaves that to the end of its process, with which the namespace goes.
    pub(crate) async fn remove(self) -> Result<()> {
        let index = index(&self.handle, self.site.ends[0]).await?;
        self.handle
            .link()
            .del(index)
            .execute()
            .await
            .context("cannot remove the link")
    }
}

/// The life of the thread that is outside.
fn live(
    site: Site,
    made: &mpsc::Sender<Result<OwnedFd>>,
    linked: &mpsc::Receiver<()>,
    served: &mpsc::Sender<Result<u16>>,
    heard: Arc<Mutex<Vec<Heard>>>,
) {
    let namespace = unshare(CloneFlags::CLONE_NEWNET)
        .context("cannot make a namespace")
        .and_then(|()| {
            let path = format!("/proc/self/task/{}/ns/net", nix::unistd::gettid());
            Ok(std::fs::File::open(path)?.into())
        });
    // Whoever does not wait any more has failed for another reason.
    let _ = made.send(namespace);
    if linked.recv().is_err() {
        return;
    }
    match listen(site) {
        Ok((listener, socket, port)) => {
            let _ = served.send(Ok(port));
            thread::spawn(move || hear(&socket, &heard));
            serve(&listener);
        }
        Err(error) => {
            let _ = served.send(Err(error));
        }
    }
}

fn listen(site: Site) -> Result<(TcpListener, UdpSocket, u16)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { up(&open()?, site.ends[1], site.outside).await })?;
    let listener = TcpListener::bind((site.outside, 0))?;
    let port = listener.local_addr()?.port();
    let socket = UdpSocket::bind((site.outside, port))?;
    Ok((listener, socket, port))
}

fn hear(socket: &UdpSocket, heard: &Mutex<Vec<Heard>>) {
    let mut datagram = [0; 1024];
    while let Ok((length, _)) = socket.recv_from(&mut datagram) {
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push((Instant::now(), text));
    }
}

fn serve(listener: &TcpListener) {
    while let Ok((mut stream, peer)) = listener.accept() {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        let body = format!("you are {}", peer.ip());
        let _ = write!(
            stream,
            "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    }
}

/// A netlink handle of the calling thread's namespace.
fn open() -> Result<Handle> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    Ok(handle)
}

async fn index(handle: &Handle, name: &str) -> Result<u32> {
    let mut found = handle.link().get().match_name(name.to_owned()).execute();
    let link = found
        .try_next()
        .await?
        .with_context(|| format!("no link {name}"))?;
    Ok(link.header.index)
}

async fn up(handle: &Handle, name: &str, address: Ipv4Addr) -> Result<()> {
    let index = index(handle, name).await?;
    handle
        .address()
        .add(index, IpAddr::V4(address), 24)
        .execute()
        .await?;
    let up = LinkUnspec::new_with_index(index).up().build();
    handle
        .link()
        .change(up)
        .execute()
        .await
        .context("cannot set the link up")
}
