//! What a guest reads about itself at 169.254.169.254, and by which it knows the host's greeting from anybody else's.

use roost_engine::Client;
use roost_runtime::port::Fault;
use roost_schemas::metadata::{Metadata, token_hash};
use roost_schemas::token::TokenKey;
use roost_schemas::{SandboxId, TemplateName};

/// Tells the engine. To be done before the guest runs, and again after a restore: no snapshot holds it.
pub(super) async fn put(
    client: &Client,
    sandbox: &SandboxId,
    template: &TemplateName,
    tokens: &TokenKey,
) -> Result<(), Fault> {
    let metadata = Metadata {
        sandbox: sandbox.clone(),
        template: template.clone(),
        access_token_hash: token_hash(&tokens.access(sandbox)),
    };
    client
        .put_mmds(&metadata)
        .await
        .map_err(|error| Fault::of("tell the guest's metadata", &error))
}
