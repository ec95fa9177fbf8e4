//! One host instance's part of the machine: its folder, its table, and what it finds there when it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use roost_dns::Sockets;
use roost_schemas::Owner;

use crate::addresses::{AddressPlan, link_number};
use crate::config::Config;
use crate::egress::Reach;
use crate::error::{Error, OsError};
use crate::machine::links::{Link, Links};
use crate::machine::{netns, nft, settings, thread};
use crate::make::{destroy, take_over};
use crate::names::Pins;
use crate::rules;
use crate::slot::Slot;
use crate::store::{Record, Store, fingerprint};

/// A host instance whose folder is locked.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) plan: AddressPlan,
    pub(crate) store: Store,
}

/// What a host that starts finds on its machine.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Its own whole slots.
    pub(crate) slots: Vec<Adopted>,
    /// Numbers of all slots on the machine, its own included.
    pub(crate) numbers: BTreeSet<u32>,
}

/// A whole slot that an earlier process left.
#[derive(Debug)]
pub(crate) struct Adopted {
    pub(crate) slot: Slot,
    pub(crate) owner: Option<Owner>,
    /// What it was last told to let through.
    pub(crate) reach: Reach,
    /// Its port for names, served by nobody yet.
    pub(crate) sockets: Sockets,
    /// The addresses that its names have.
    pub(crate) pins: Pins,
}

impl Host {
    /// Locks the folder and prepares the machine: forwarding, packet filter. Blocks; call on a thread of the host's
    /// network namespace.
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        let plan = config.validate()?;
        let uid = nix::unistd::geteuid().as_raw();
        if uid != 0 {
            return Err(Error::NotPermitted { uid });
        }
        let store = Store::open(&config)?;
        let host = Self { config, plan, store };
        let prepared = host.prepare();
        if prepared.is_err() && host.store.traces().is_ok_and(|traces| traces.is_empty()) {
            // The failure itself is what to report; whatever prevented it may prevent this too.
            let _ = host.remove_table();
            let _ = host.store.destroy();
        }
        prepared.map(|()| host)
    }

    fn prepare(&self) -> Result<(), Error> {
        self.check_ranges()?;
        let rules = rules::host::ruleset(&self.plan, &self.config.tag);
        nft::apply(&self.config.nft, &rules)?;
        // Only now: before its table is there, no packet of a slot is forwarded.
        if settings::enable_forwarding()? {
            tracing::warn!(
                "net.ipv4.ip_forward was off: this machine now forwards IPv4 packets, and keeps doing so"
            );
        }
        Ok(())
    }

    /// Takes stock: adopts whole slots and destroys debris. Blocks, as [`Self::open`] does.
    pub(crate) fn take_stock(self: &Arc<Self>) -> Result<Found, Error> {
        let links = list_links()?;
        let group = self.config.tag.link_group();
        let own: BTreeMap<u32, &Link> = numbered(&links).filter(|(_, link)| link.group == group).collect();
        let mut found = Found::default();
        for number in self.store.traces()? {
            match self.adopt(number, own.contains_key(&number))? {
                Some(slot) => found.slots.push(slot),
                None => self.destroy_debris(number)?,
            }
        }
        let kept: BTreeSet<u32> = found.slots.iter().map(|found| found.slot.number).collect();
        // A link of ours without a namespace file of ours: someone removed the folder. Nothing refers to it any more.
        for link in own
            .iter()
            .filter(|(number, _)| !kept.contains(number))
            .map(|(_, link)| (*link).clone())
        {
            tracing::warn!(link = link.name, "destroying a slot link without a slot");
            on_links(|links| async move { links.delete(&link.name).await })?;
        }
        found.numbers = numbers_in_use()?;
        Ok(found)
    }

    /// Removes the table and the folder. Call when no slot is left.
    pub(crate) fn remove(&self) -> Result<(), OsError> {
        self.remove_table()?;
        self.store.destroy()
    }

    fn remove_table(&self) -> Result<(), OsError> {
        nft::apply(&self.config.nft, &rules::delete_table(&self.config.tag.table()))
    }

    /// The slot `number` if it is whole, of this configuration or else in use.
    fn adopt(self: &Arc<Self>, number: u32, has_link: bool) -> Result<Option<Adopted>, Error> {
        let namespace = self.store.namespace(number);
        let whole = has_link && netns::is_alive(&namespace);
        let (Some(record), Some(addresses)) = (self.store.load(number), self.plan.addresses(number)) else {
            return Ok(None);
        };
        if !whole {
            return Ok(None);
        }
        let current = fingerprint(&self.config, &addresses);
        let stale = record.fingerprint != current;
        // A slot nobody uses is cheaper to make anew. One in use keeps its addresses and gets the new rules, unless the
        // addresses themselves moved.
        if stale && (record.owner.is_none() || record.host_address != addresses.host_address) {
            return Ok(None);
        }
        let (host, reach) = (Arc::clone(self), record.reach.clone());
        let taken = move || take_over(&host, &addresses, &reach, stale);
        let (sockets, pins) = thread::wait("roost-adopt", taken)??;
        if stale {
            self.store.save(
                number,
                &Record {
                    fingerprint: current,
                    ..record.clone()
                },
            )?;
        }
        Ok(Some(Adopted {
            slot: Slot::new(number, namespace, record.host_address),
            owner: record.owner,
            reach: record.reach,
            sockets,
            pins,
        }))
    }

    fn destroy_debris(self: &Arc<Self>, number: u32) -> Result<(), Error> {
        tracing::info!(number, "destroying what is left of a slot");
        let host = Arc::clone(self);
        thread::wait("roost-debris", move || destroy(&host, number))?
            .map_err(|source| Error::Destroy { number, source })
    }

    /// Refuses ranges that something other than slots has addresses in, or slots laid out over other ranges.
    fn check_ranges(&self) -> Result<(), Error> {
        let links = list_links()?;
        for (index, address) in on_links(|links| async move { links.addresses().await })? {
            let Some(link) = links.iter().find(|link| link.index == index) else {
                continue;
            };
            if let Some(range) = self.clash(&link.name, address) {
                return Err(Error::RangeInUse {
                    range,
                    link: link.name.clone(),
                    address,
                });
            }
        }
        Ok(())
    }

    fn clash(&self, link: &str, address: Ipv4Addr) -> Option<ipnet::Ipv4Net> {
        let expected = link_number(link)
            .and_then(|number| self.plan.addresses(number))
            .map(|slot| slot.host_end);
        let ranges = [self.plan.veth_range(), self.plan.host_range()];
        ranges
            .into_iter()
            .find(|range| range.contains(&address) && expected != Some(address))
    }
}

/// Numbers of all slots on the machine, whoever's.
pub(crate) fn numbers_in_use() -> Result<BTreeSet<u32>, OsError> {
    Ok(numbered(&list_links()?).map(|(number, _)| number).collect())
}

fn list_links() -> Result<Vec<Link>, OsError> {
    on_links(|links| async move { links.list().await })
}

fn numbered(links: &[Link]) -> impl Iterator<Item = (u32, &Link)> {
    links
        .iter()
        .filter_map(|link| Some((link_number(&link.name)?, link)))
}

fn on_links<T, F>(work: impl FnOnce(Links) -> F) -> Result<T, OsError>
where
    F: Future<Output = Result<T, OsError>>,
{
    thread::local_runtime()?.block_on(async { work(Links::open()?).await })
}
