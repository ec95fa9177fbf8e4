//! What a slot's packet filter still knows of names' addresses, for a process that did not put it there.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::pins::{Mark, Pin};
use crate::machine::nft;
use crate::rules;

/// The addresses in the packet filter of the calling thread's namespace. Without them a guest has to ask again for what it
/// was told: that is no reason not to take its slot over.
pub(crate) fn found(nft: &Path) -> Vec<Pin> {
    let listed = nft::list_map(nft, rules::slot::TABLE, rules::egress::NAMED);
    let pins = listed.map_err(|error| error.to_string());
    let pins = pins.and_then(|listed| read(&listed).map_err(|error| error.to_string()));
    pins.unwrap_or_else(|error| {
        tracing::warn!(error, "addresses of a guest's names are not known any more");
        Vec::new()
    })
}

/// What `nft -j list map` writes (libnftables-json(5)), as far as it matters here.
#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    map: Option<Map>,
}

#[derive(Deserialize)]
struct Map {
    #[serde(default)]
    elem: Vec<(Key, Mark)>,
}

#[derive(Deserialize)]
struct Key {
    elem: Timed,
}

#[derive(Deserialize)]
struct Timed {
    val: Ipv4Addr,
    /// Seconds, none of them begun; not there in the last.
    #[serde(default)]
    expires: u32,
}

fn read(listed: &[u8]) -> Result<Vec<Pin>, serde_json::Error> {
    let listing: Listing = serde_json::from_slice(listed)?;
    let maps = listing.nftables.into_iter().filter_map(|item| item.map);
    let elements = maps.flat_map(|map| map.elem);
    // An element that was written without a time would stay for ever.
    let living = elements.filter(|(key, _)| key.elem.expires > 0);
    let pin = |(Key { elem }, mark)| Pin {
        address: elem.val,
        mark,
        life: Duration::from_secs(elem.expires.into()),
    };
    Ok(living.map(pin).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(elements: &str) -> String {
        format!(
            r#"{{"nftables": [
                {{"metainfo": {{"version": "1.0.6", "release_name": "x", "json_schema_version": 1}}}},
                {{"map": {{"family": "inet", "name": "named", "table": "roost", "type": "ipv4_addr", "handle": 5,
                          "map": "mark", "size": 8192, "flags": ["timeout"]{elements}}}}}]}}"#
        )
    }

    #[test]
    fn what_the_packet_filter_lists_is_read() {
        let elements = r#", "elem": [
            [{"elem": {"val": "1.2.3.4", "timeout": 65, "expires": 60}}, 4294967295],
            [{"elem": {"val": "5.6.7.8", "timeout": 65}}, 7]]"#;
        let expected = Pin {
            address: Ipv4Addr::new(1, 2, 3, 4),
            mark: u32::MAX,
            life: Duration::from_mins(1),
        };
        assert_eq!(read(listing(elements).as_bytes()).unwrap(), [expected]);
        assert_eq!(read(listing("").as_bytes()).unwrap(), []);
        assert!(read(b"Error: No such file or directory").is_err());
    }
}
