//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use roost_domain::fleet::Fleet;
use roost_journal::port::{Journal, OutputLog, Queue};
use roost_runtime::fleet::FleetHandle;
use roost_schemas::subject::EventSubject;
use roost_schemas::token::TokenKey;
use roost_schemas::{SandboxId, Sequence, TenantId};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::admission::Admission;
use crate::auth::{ApiKey, Rates};
use crate::caller::Caller;
use crate::catch_up::CatchUp;
use crate::error::{ApiError, Code};
use crate::events::{Hub, Room, Seats};
use crate::guest::Agents;
use crate::wake::Waking;

/// How far reads are behind the log when nothing is amiss: after that it is asked whether it has come so far at all.
const USUAL_LAG: Duration = Duration::from_millis(100);

/// The parts of the world that the gateway speaks to.
#[derive(Clone)]
pub struct Ports {
    /// The event log.
    pub journal: Arc<dyn Journal>,
    /// The command queue.
    pub queue: Arc<dyn Queue>,
    /// The output of processes.
    pub output: Arc<dyn OutputLog>,
    /// The projection that reads are answered from.
    pub fleet: FleetHandle,
}

/// The handlers' state, as one caller sees it; clones share it.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
    caller: Arc<Caller>,
}

struct Inner {
    ports: Ports,
    key: ApiKey,
    operator: Arc<Caller>,
    rates: Rates,
    catch_up: CatchUp,
    tokens: TokenKey,
    domain: String,
    admission: Admission,
    limits: Limits,
    execs: Arc<Semaphore>,
    exec_memory: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    agents: Agents,
    waking: Waking,
    events: Events,
    /// Where the log ended when this process first asked: what reads must show before any is answered.
    horizon: OnceCell<Sequence>,
}

/// What event streams share.
struct Events {
    /// Begun with the first of them.
    hub: OnceCell<Arc<Hub>>,
    seats: Seats,
    closing: CancellationToken,
}

impl Gateway {
    /// A gateway whose operator holds `key`. Ports of sandboxes are at `<port>-<id>.<domain>`.
    pub fn new(ports: Ports, key: ApiKey, tokens: TokenKey, domain: String, limits: Limits) -> Self {
        let admission = Admission::new(&limits);
        let execs = Arc::new(Semaphore::new(limits.execs));
        let exec_memory = Arc::new(Semaphore::new(limits.exec_bytes / crate::exec::UNIT));
        let streams = Arc::new(Semaphore::new(limits.streams));
        let horizon = OnceCell::new();
        let events = Events {
            hub: OnceCell::new(),
            seats: Seats::new(
                limits.event_streams,
                limits.event_streams_each,
                "roost_event_streams",
            ),
            closing: CancellationToken::new(),
        };
        let caller = Arc::new(Caller::guest_of(TenantId::first()));
        let inner = Arc::new(Inner {
            ports,
            key,
            operator: Arc::new(Caller::operator()),
            rates: Rates::default(),
            catch_up: CatchUp::default(),
            tokens,
            domain,
            admission,
            limits,
            execs,
            exec_memory,
            streams,
            agents: Agents::new(),
            waking: Waking::default(),
            events,
            horizon,
        });
        Self { inner, caller }
    }

    /// The same as `caller` sees it.
    pub(crate) fn seen_by(&self, caller: Arc<Caller>) -> Self {
        let inner = Arc::clone(&self.inner);
        Self { inner, caller }
    }

    /// Who sees it so.
    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The operator, if `candidate` is the operator's key.
    pub(crate) fn operator(&self, candidate: &[u8]) -> Option<Arc<Caller>> {
        let operator = self.inner.key.admits(candidate);
        operator.then(|| Arc::clone(&self.inner.operator))
    }

    /// The same as the owner of `id` sees it, for requests without a key; as nobody does, if there is no such sandbox.
    pub(crate) fn owned(&self, id: &SandboxId) -> Self {
        let owner = self.fleet().read(|fleet| fleet.owner(id).cloned());
        owner.map_or_else(
            || self.clone(),
            |owner| self.seen_by(Arc::new(Caller::guest_of(owner))),
        )
    }

    /// The same as a caller sees it who names `tenant`: the operator may act for any there is, everybody else only for
    /// its own, and finds no other.
    pub(crate) fn acting_for(&self, tenant: Option<&str>) -> Result<Self, ApiError> {
        let Some(tenant) = tenant.filter(|named| *named != self.tenant().as_str()) else {
            return Ok(self.clone());
        };
        let none = || ApiError::no_tenant(&tenant);
        if !self.caller().is_operator() {
            return Err(none());
        }
        let tenant = TenantId::new(tenant).map_err(|_| none())?;
        if !self.fleet().read(|fleet| fleet.has_tenant(&tenant)) {
            return Err(none());
        }
        let caller = Caller {
            tenant,
            ..Caller::clone(self.caller())
        };
        Ok(self.seen_by(Arc::new(caller)))
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.inner.ports
    }

    pub(crate) fn fleet(&self) -> &FleetHandle {
        &self.inner.ports.fleet
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.caller.tenant
    }

    /// What tenants have sent of late.
    pub(crate) fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    /// For what is not known here yet.
    pub(crate) fn catch_up(&self) -> &CatchUp {
        &self.inner.catch_up
    }

    /// From which sandboxes' tokens are derived.
    pub(crate) fn tokens(&self) -> &TokenKey {
        &self.inner.tokens
    }

    /// Under which the ports of sandboxes are reached, as `<port>-<id>.<domain>`; may have a port of its own.
    pub(crate) fn domain(&self) -> &str {
        &self.inner.domain
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Who may go on.
    pub(crate) fn admission(&self) -> &Admission {
        &self.inner.admission
    }

    /// One permit per program whose output is awaited or being sent.
    pub(crate) fn execs(&self) -> &Arc<Semaphore> {
        &self.inner.execs
    }

    /// One permit per [`crate::exec::UNIT`] of output held.
    pub(crate) fn exec_memory(&self) -> &Arc<Semaphore> {
        &self.inner.exec_memory
    }

    /// One permit per program that is followed over a WebSocket.
    pub(crate) fn streams(&self) -> &Arc<Semaphore> {
        &self.inner.streams
    }

    /// The connections to sandboxes' agents.
    pub(crate) fn agents(&self) -> &Agents {
        &self.inner.agents
    }

    /// The sandboxes that are resumed for requests.
    pub(crate) fn waking(&self) -> &Waking {
        &self.inner.waking
    }

    /// What tells events as they come.
    pub(crate) async fn hub(&self) -> Result<Arc<Hub>, ApiError> {
        let Limits {
            event_backlog: lane,
            event_backlogs: all,
            ..
        } = *self.limits();
        let start = async || {
            let hub = Hub::start(self.ports(), Room { lane, all }).await?;
            Ok::<_, ApiError>(Arc::new(hub))
        };
        Ok(Arc::clone(self.inner.events.hub.get_or_try_init(start).await?))
    }

    /// The event streams that may be open.
    pub(crate) fn seats(&self) -> &Seats {
        &self.inner.events.seats
    }

    /// Cancelled when this gateway stops.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.inner.events.closing
    }

    /// Ends event streams, each with the place at which another gateway, or the next life of this one, goes on.
    pub fn close_streams(&self) {
        self.closing().cancel();
    }

    /// Where `id`'s commits stand.
    pub(crate) fn subject(&self, id: &SandboxId) -> EventSubject {
        EventSubject::sandbox(self.tenant().clone(), id.clone())
    }

    /// Waits until reads show the log as it was when this process began, and at least up to `sequence`.
    pub(crate) async fn reach(&self, sequence: Sequence) -> Result<(), ApiError> {
        self.check_fold()?;
        let wanted = sequence.max(self.horizon().await?);
        if self.fleet().wait_for(wanted, USUAL_LAG).await {
            return Ok(());
        }
        self.check_fold()?;
        let head = self.ports().journal.head().await?;
        if head < wanted {
            let message =
                format!("the log ends at sequence {head}: ask for {wanted} when something stands there");
            return Err(ApiError::new(Code::SequenceAhead, message));
        }
        if self.fleet().wait_for(wanted, self.limits().catch_up).await {
            return Ok(());
        }
        self.check_fold()?;
        let applied = self.fleet().applied();
        let message =
            format!("this gateway has read the log up to {applied}, not yet to {wanted}; try again");
        Err(ApiError::new(Code::Unavailable, message))
    }

    /// Waits until `look` finds something in the fleet; nothing after `patience`.
    pub(crate) async fn until<R>(
        &self,
        patience: Duration,
        look: impl FnMut(&Fleet) -> Option<R>,
    ) -> Result<Option<R>, ApiError> {
        let found = self.fleet().until(patience, look).await;
        if found.is_none() {
            self.check_fold()?;
        }
        Ok(found)
    }

    /// Where the log ended when this process first asked.
    async fn horizon(&self) -> Result<Sequence, ApiError> {
        Ok(*self
            .inner
            .horizon
            .get_or_try_init(|| self.ports().journal.head())
            .await?)
    }

    /// Fails if what became of a sandbox cannot be told, because a commit of it cannot be read.
    pub(crate) fn check_readable(&self, id: &SandboxId) -> Result<(), ApiError> {
        let found = self
            .fleet()
            .read(|fleet| fleet.unreadable_sandbox(self.tenant(), id).cloned());
        match found {
            None => Ok(()),
            Some(unreadable) => {
                let message = format!("sandbox {id} stands still: {unreadable}");
                Err(ApiError::new(Code::Unavailable, message))
            }
        }
    }

    /// Fails if reads will show nothing newer than they do.
    fn check_fold(&self) -> Result<(), ApiError> {
        match self.fleet().alarm() {
            None => Ok(()),
            Some(alarm) => {
                let applied = self.fleet().applied();
                let message = format!("this gateway stopped reading the log at {applied}: {alarm}");
                Err(ApiError::new(Code::Unavailable, message))
            }
        }
    }
}
