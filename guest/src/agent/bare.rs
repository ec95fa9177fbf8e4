//! The agent without its socket.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body;

use super::http::{Server, boxed};
use super::mmds::Doorkeeper;
use super::settings::Store;

/// Answers requests as the agent in a guest does, for whoever has no guest: the fuzz targets. It does what the requests say,
/// to the machine it runs on.
pub struct Agent(Server);

impl Agent {
    /// An agent that keeps its settings at `path` and finds those of another one there.
    pub fn new(path: &Path) -> Self {
        let store = Arc::new(Store::open(path.to_owned()));
        Self(Server::new(store, Doorkeeper::new(false)))
    }

    /// Answers one request, as if it came from the guest itself.
    pub async fn answer<B>(
        &self,
        request: Request<B>,
    ) -> Response<impl Body<Data = Bytes, Error: Debug> + use<B>>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.0.clone().answer(request.map(boxed), peer).await
    }
}
