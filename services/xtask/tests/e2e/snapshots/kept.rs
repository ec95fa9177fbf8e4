//! What is paused or a template outlives the whole of Roost.

use anyhow::Result;
use serde_json::json;

use super::witness::Witness;
use super::{act, save, view};
use crate::restart::life;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_and_what_is_a_template_are_there_after_a_stop_and_a_start() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("roost-e2e-").tempdir()?;
    let ((sandbox, mut witness), _) = life(folder.path(), async |api| {
        let request = json!({"template": "minimal", "timeout_sec": 3600});
        let sandbox = api.create(&request).await?.id;
        let witness = Witness::start(api, &sandbox).await?;
        act(api, &sandbox, "pause").await?;
        save(api, &sandbox, "warm").await?;
        Ok((sandbox, witness))
    })
    .await?;
    life(folder.path(), async |api| {
        assert_eq!(view(api, &sandbox).await?["state"], "paused");
        let made = api.create(&json!({"template": "warm"})).await?.id;
        witness.clone().testify(api, &made).await?;
        act(api, &sandbox, "resume").await?;
        witness.testify(api, &sandbox).await?;
        api.kill(&made).await?;
        api.kill(&sandbox).await
    })
    .await
    .map(drop)
}
