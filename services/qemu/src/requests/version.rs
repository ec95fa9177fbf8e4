//! `GET /version`

use super::answer;
use crate::{machine::Decision, version::VERSION};
use roost_engine::api::Version;

pub(super) fn decide() -> Decision {
    answer(&Version {
        firecracker_version: VERSION.to_owned(),
    })
}
