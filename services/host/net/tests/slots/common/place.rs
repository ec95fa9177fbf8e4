//! A network namespace with a thread living in it, gone when dropped.

use std::net::Ipv4Addr;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use futures::TryStreamExt;
use nix::sched::{CloneFlags, unshare};
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};

type Job = Box<dyn FnOnce() + Send>;

pub struct Place {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    pid_path: String,
}

impl Place {
    /// A new, empty namespace with its loopback up.
    pub fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test needs root: it makes network namespaces"
        );
        let (jobs, queue) = channel::<Job>();
        let (ready, is_ready) = channel();
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
            ready
                .send(format!("/proc/self/task/{}/ns/net", nix::unistd::gettid()))
                .expect("the test waits");
            for job in queue {
                job();
            }
        });
        let pid_path = is_ready
            .recv()
            .expect("a network namespace (does this kernel allow them?)");
        let place = Self {
            jobs: Some(jobs),
            thread: Some(thread),
            pid_path,
        };
        place.net(|net| async move { net.up("lo").await });
        place
    }

    /// Runs `work` inside and waits for it. A panic inside fails the test.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (send, receive) = channel();
        let job = Box::new(move || drop(send.send(work())));
        self.jobs
            .as_ref()
            .expect("not dropped")
            .send(job)
            .expect("the place's thread is alive");
        receive.recv().expect("the work inside did not panic")
    }

    /// Changes the namespace's links and routes.
    pub fn net<F: Future<Output = ()>>(&self, work: impl FnOnce(Net) -> F + Send + 'static) {
        self.run(|| block_on(async { work(Net::open()).await }));
    }

    /// A descriptor of the namespace.
    pub fn namespace(&self) -> std::fs::File {
        std::fs::File::open(&self.pid_path).expect("the place's thread is alive")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

/// Netlink in a few words. Every failure fails the test.
pub struct Net(pub Handle);

impl Net {
    /// For the calling thread's namespace.
    pub fn open() -> Self {
        let (connection, handle, _) = rtnetlink::new_connection().expect("a netlink socket");
        tokio::spawn(connection);
        Self(handle)
    }

    pub async fn index(&self, name: &str) -> u32 {
        let mut found = Box::pin(self.0.link().get().match_name(name).execute());
        found.try_next().await.expect(name).expect(name).header.index
    }

    pub async fn up(&self, name: &str) {
        let message = LinkUnspec::new_with_index(self.index(name).await).up().build();
        self.0.link().change(message).execute().await.expect(name);
    }

    pub async fn address(&self, name: &str, address: &str, prefix_len: u8) {
        let address: Ipv4Addr = address.parse().expect("an address");
        let index = self.index(name).await;
        self.0
            .address()
            .add(index, address.into(), prefix_len)
            .execute()
            .await
            .expect(name);
    }

    pub async fn route(&self, destination: &str, prefix_len: u8, gateway: &str) {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(destination.parse().expect("an address"), prefix_len)
            .gateway(gateway.parse().expect("an address"))
            .build();
        self.0.route().add(route).execute().await.expect(gateway);
    }

    pub async fn names(&self) -> Vec<String> {
        let links: Vec<_> = self.0.link().get().execute().try_collect().await.expect("links");
        let name = |attribute: &rtnetlink::packet_route::link::LinkAttribute| match attribute {
            rtnetlink::packet_route::link::LinkAttribute::IfName(name) => Some(name.clone()),
            _ => None,
        };
        links
            .iter()
            .filter_map(|link| link.attributes.iter().find_map(name))
            .collect()
    }
}
