//! Metadata: the guest's own, for who fetched a token, and nobody's cloud behind it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Guest;

/// What the metadata's address says: without a token, as clouds are asked, with one, and to who claims to forward.
const PROBE: &str = r"
import http.client, json
def ask(method, path, headers={}):
    connection = http.client.HTTPConnection('169.254.169.254', timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ''
ttl = {'X-metadata-token-ttl-seconds': '60'}
status, token = ask('PUT', '/latest/api/token', ttl)
asked = {'X-metadata-token': token, 'Accept': 'application/json'}
print(json.dumps({
    'bare': ask('GET', '/')[0],
    'cloud': ask('GET', '/latest/meta-data/iam/security-credentials/')[0],
    'forwarded': ask('PUT', '/latest/api/token', {**ttl, 'X-Forwarded-For': '1.2.3.4'})[0],
    'forged': ask('GET', '/', {**asked, 'X-metadata-token': token[:-2] + 'AA'})[0],
    'own': ask('GET', '/', asked)[1],
}))
";

pub(super) async fn is_its_own_and_of_version_two(guest: &Guest) -> Result<()> {
    let told = guest.python(PROBE, &Value::Null).await?;
    for way in ["bare", "cloud", "forged"] {
        ensure!(told[way] == 401, "{way}: {told}");
    }
    ensure!(told["forwarded"] != 200, "a token for who forwards: {told}");
    let own: Value = serde_json::from_str(told["own"].as_str().unwrap_or_default())?;
    ensure!(own["instanceID"] == json!(guest.id), "{own}");
    Ok(())
}
