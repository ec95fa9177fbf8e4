//! A process that only reads the log, as the gateway's projection does.

use crate::ports::Link;

pub(super) async fn live(link: Link) {
    // What ends it is its death, unless its fold stops, which it then shows for good.
    let _fleet = link.fleet().await;
    std::future::pending::<()>().await;
}
