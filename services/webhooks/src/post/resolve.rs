//! Looking names up, and refusing those that lead where webhooks do not go.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use roost_domain::webhook::Targets;
use tower_service::Service;

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unresolved {
    /// It leads to where webhooks do not go. Which address that is stays here: a tenant could learn from it what names mean
    /// inside.
    #[error("its name leads to an address that is not public, and webhooks go to public addresses alone")]
    NotPublic(IpAddr),
    /// It could not be looked up.
    #[error("its name cannot be looked up: {0}")]
    Unknown(io::Error),
}

/// Looks names up as this machine does, and gives addresses that may be connected to, or none.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    targets: Targets,
}

impl Checked {
    pub(super) fn new(targets: Targets) -> Self {
        Self { targets }
    }

    /// `found`, if all of it may be gone to: a name that leads to both kinds is somebody's trick, or somebody's mistake.
    fn check(&self, found: Vec<SocketAddr>) -> Result<std::vec::IntoIter<SocketAddr>, Unresolved> {
        match found.iter().find(|found| !self.targets.admit(found.ip())) {
            Some(refused) => Err(Unresolved::NotPublic(refused.ip())),
            None => Ok(found.into_iter()),
        }
    }
}

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let checked = self.clone();
        Box::pin(async move {
            // The port is set by whoever connects.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            checked.check(found.map_err(Unresolved::Unknown)?.collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_private_address_among_public_ones_is_enough_to_refuse() {
        let checked = Checked::new(Targets::default());
        let check = |addresses: &[&str]| {
            let found = addresses
                .iter()
                .map(|one| SocketAddr::new(one.parse().unwrap(), 0));
            checked.check(found.collect())
        };
        assert_eq!(check(&["1.1.1.1", "2606:4700::1111"]).unwrap().len(), 2);
        for trick in ["127.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254"] {
            let Unresolved::NotPublic(address) = check(&["1.1.1.1", trick]).unwrap_err() else {
                panic!("{trick} is an address")
            };
            assert_eq!(address, trick.parse::<IpAddr>().unwrap());
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_unless_it_is_allowed() {
        let resolve = async |targets: Targets| {
            let name = "localhost".parse().unwrap();
            Checked::new(targets).call(name).await
        };
        let refused = resolve(Targets::default()).await.unwrap_err();
        assert!(matches!(refused, Unresolved::NotPublic(_)), "{refused}");
        let allowed = ["127.0.0.0/8", "::1"].map(|range| range.parse().unwrap());
        assert!(resolve(Targets::new(allowed.into())).await.unwrap().len() > 0);
    }
}
