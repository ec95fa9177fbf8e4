//! What one reader is told: the log from its place on, then its lane.
//!
//! ```text
//!   History ──it stands where the lane begins──▶ Live ──the lane has gone on without it──▶ Behind
//! ```

use std::sync::Arc;

use bytes::Bytes;
use roost_schemas::Sequence;
use roost_schemas::subject::EventFilter;
use tokio::sync::watch;

use super::batch::{Batch, Form};
use super::end::End;
use super::frame::frames;
use super::hub::{Hub, Whose};
use super::lane::{Behind, Lane};
use super::pick::Pick;
use crate::state::Gateway;

/// Bytes of commits that are read from the log at a time: what a reader that takes nothing holds on to.
const PAGE_BYTES: u32 = 32 << 10;

/// See the module.
pub(crate) struct Source {
    gateway: Gateway,
    hub: Arc<Hub>,
    pick: Pick,
    filter: EventFilter,
    lane: Arc<Lane>,
    news: watch::Receiver<Sequence>,
    form: Form,
    told: Sequence,
    live: bool,
}

impl Source {
    /// Everything after `after` that `pick` admits of `whose`.
    pub(crate) fn new(
        gateway: Gateway,
        hub: Arc<Hub>,
        whose: &Whose,
        pick: Pick,
        after: Sequence,
        form: Form,
    ) -> Self {
        let lane = hub.lane(whose);
        Self {
            filter: pick.filter(whose.as_ref()),
            news: lane.watch(),
            gateway,
            hub,
            pick,
            lane,
            form,
            told: after,
            live: false,
        }
    }

    /// Up to where its reader has been told everything, once it has taken what [`Self::next`] gave.
    pub(super) fn told(&self) -> Sequence {
        self.told
    }

    /// The same for a reader to whom nothing is on its way; a quiet one goes on with the log.
    pub(super) fn settled(&mut self) -> Sequence {
        // Taken before the look: what is told in between is behind it.
        let position = self.hub.position();
        if self.live && self.lane.after(self.told).is_ok_and(|newer| newer.is_empty()) {
            self.told = self.told.max(position);
        }
        self.told
    }

    /// The next pieces, of whole frames each. Nothing is lost if this is dropped early.
    pub(super) async fn next(&mut self) -> Result<Vec<Bytes>, End> {
        loop {
            let (told, last) = if self.live {
                self.newer().await?
            } else {
                self.older().await?
            };
            self.told = self.told.max(last);
            if !told.is_empty() {
                return Ok(told);
            }
        }
    }

    /// The next of what the log has, and where it ends.
    async fn older(&mut self) -> Result<(Vec<Bytes>, Sequence), End> {
        self.check()?;
        // Taken before the page: if that shows the end, everything up to here was before it.
        let from = self.lane.from();
        if self.told >= from {
            self.live = true;
            return Ok((Vec::new(), self.told));
        }
        let read = self
            .gateway
            .ports()
            .journal
            .page(&self.filter, self.told, PAGE_BYTES);
        let page = read.await.map_err(|error| End::Failed(error.into()))?;
        let last = page.records.last().map_or(self.told, |record| record.sequence);
        let last = if page.more { last } else { last.max(from) };
        let batch = Batch::new(page.records.iter().map(frames).collect());
        Ok((self.pieces(&batch), last))
    }

    /// The next of what comes, and where it ends.
    async fn newer(&mut self) -> Result<(Vec<Bytes>, Sequence), End> {
        loop {
            self.news.mark_unchanged();
            let batches = self.lane.after(self.told).map_err(|Behind| End::Behind)?;
            if let Some(last) = batches.last().map(|batch| batch.last()) {
                self.check()?;
                let told = batches.iter().flat_map(|batch| self.pieces(batch)).collect();
                return Ok((told, last));
            }
            tokio::select! {
                // Its sender lives in the lane, which this holds.
                _ = self.news.changed() => {}
                error = self.hub.broken() => return Err(End::Failed(error)),
            }
        }
    }

    /// Fails once the key admits nobody any more.
    pub(super) fn check(&self) -> Result<(), End> {
        if self.gateway.is_admitted() {
            Ok(())
        } else {
            Err(End::Revoked)
        }
    }

    fn pieces(&self, batch: &Batch) -> Vec<Bytes> {
        if self.pick.needs_fleet() {
            let told = |fleet: &_| batch.told(self.form, self.told, &self.pick, Some(fleet));
            self.gateway.fleet().read(told)
        } else {
            batch.told(self.form, self.told, &self.pick, None)
        }
    }

    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }
}
