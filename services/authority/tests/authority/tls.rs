//! Encryption, with certificates of our own making.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use roost_authority::Role;
use roost_journal::jetstream::{self, Options};
use roost_journal::port::Journal;
use roost_journal::testing::{NATS_CONF, NatsServer};

use crate::world::World;

/// The certificate of an authority, for those who trust it.
fn authority(folder: &Path, name: &str) -> (PathBuf, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let path = folder.join(format!("{name}.pem"));
    std::fs::write(&path, certificate.pem()).unwrap();
    (path, Issuer::new(params, key))
}

/// A server with a certificate for 127.0.0.1, which it demands to be asked for.
fn encrypted(world: &World, issuer: &Issuer<'static, KeyPair>) -> NatsServer {
    let folder = world.folder.path();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    let tls = format!(
        "{NATS_CONF}\ntls {{ cert_file: {:?}, key_file: {:?} }}\n",
        at("server.pem"),
        at("server.key")
    );
    let conf = std::fs::read_to_string(folder.join("authority.conf")).unwrap();
    NatsServer::start_governed(&tls, &conf)
}

#[tokio::test]
async fn a_process_talks_only_to_a_server_that_proves_itself() {
    let world = World::bare();
    let (ours, issuer) = authority(world.folder.path(), "ours");
    let (others, _) = authority(world.folder.path(), "others");
    let server = encrypted(&world, &issuer);
    let trusting = |ca: PathBuf| Options {
        url: server.url().replace("nats://", "tls://"),
        ca: Some(ca),
        ..world.options(Role::Reconciler, None)
    };
    let connected = jetstream::connect(trusting(ours.clone())).await.unwrap();
    assert_eq!(connected.journal().head().await.unwrap().0, 0);
    // Also when the address does not say so: who names certificates wants them used.
    let unsaid = Options {
        url: server.url(),
        ..trusting(ours.clone())
    };
    jetstream::connect(unsaid).await.unwrap();

    let quickly = |options: Options| Options {
        patience: std::time::Duration::from_secs(1),
        ..options
    };
    let refused = jetstream::connect(quickly(trusting(others))).await.unwrap_err();
    assert!(refused.to_string().contains("did not connect"), "{refused}");
    let plain = Options {
        url: world.server.url(),
        ..quickly(trusting(ours))
    };
    assert!(
        jetstream::connect(plain).await.is_err(),
        "a server without a certificate was believed"
    );
}
