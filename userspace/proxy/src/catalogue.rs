//! Catalogues read by a login of the daemon's own, where a service's settings name one.
//!
//! One [`keeper`](keeper) a database keeps a connection, looks whether the schema is as it was, and publishes what it reads for all
//! sessions. It looks every quarter of a second while sessions use it, and at once when one asks; a session waits for the answer.

mod keeper;
mod mysql;
mod postgres;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interdict_audit::Audit;
use interdict_session::Shared;
use interdict_session::catalogue::Key;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::address::Address;
use crate::credentials::ServiceLogin;
use crate::elsewhere::Elsewhere;
use crate::{Dialer, Service};
use keeper::Keeper;

/// How long a session waits for its catalogue.
const PATIENCE: Duration = Duration::from_secs(15);

/// Every keeper.
#[derive(Clone)]
pub struct CatalogueLogins {
    /// Keepers have tasks of their own there, not on session threads.
    runtime: Handle,
    shared: Arc<Shared>,
    audit: Arc<Audit>,
    keepers: Arc<Mutex<HashMap<Key, Kept>>>,
}

/// A keeper, as sessions reach it.
struct Kept {
    requests: mpsc::UnboundedSender<Request>,
    /// Held by every session that has asked.
    lease: Arc<()>,
}

/// A session wants the catalogue looked at.
struct Request {
    dialer: Option<Arc<dyn Dialer>>,
    answer: oneshot::Sender<Result<(), String>>,
}

impl CatalogueLogins {
    /// With tasks of `runtime`.
    pub fn new(runtime: Handle, shared: Arc<Shared>, audit: Arc<Audit>) -> Self {
        Self {
            runtime,
            shared,
            audit,
            keepers: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        // What is under it are single insertions and removals: whole after a panic, too.
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a keeper that nobody uses: false if somebody does.
    fn leave(&self, key: &Key, requests: &mpsc::UnboundedReceiver<Request>) -> bool {
        let mut keepers = self.lock();
        let used = keepers
            .get(key)
            .is_some_and(|kept| Arc::strong_count(&kept.lease) > 1);
        if used || !requests.is_empty() {
            return false;
        }
        keepers.remove(key);
        true
    }
}

/// What one session needs to have its catalogue looked at.
pub(crate) struct Keeping {
    logins: CatalogueLogins,
    service: Arc<Service>,
    login: ServiceLogin,
    upstream: Address,
    dialer: Option<Arc<dyn Dialer>>,
    elsewhere: Elsewhere,
    lease: Option<Arc<()>>,
}

impl Keeping {
    /// `None` if the service has no such login.
    pub(crate) fn new(
        logins: &CatalogueLogins,
        service: &Arc<Service>,
        upstream: &Address,
        dialer: Option<&Arc<dyn Dialer>>,
        elsewhere: &Elsewhere,
    ) -> Option<Self> {
        Some(Self {
            logins: logins.clone(),
            service: Arc::clone(service),
            login: service.catalogue.clone()?,
            upstream: upstream.clone(),
            dialer: dialer.cloned(),
            elsewhere: elsewhere.clone(),
            lease: None,
        })
    }

    /// Has a catalogue looked at; then it is published, or this is why not.
    pub(crate) fn look(&mut self, key: Key) -> impl Future<Output = Result<(), String>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            dialer: self.dialer.clone(),
            answer,
        };
        self.send(key, request);
        async move {
            match tokio::time::timeout(PATIENCE, answered).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err("the daemon is ending".to_owned()),
                Err(_) => Err(format!("it took longer than {} s", PATIENCE.as_secs())),
            }
        }
    }

    fn send(&mut self, key: Key, request: Request) {
        let mut keepers = self.logins.lock();
        let kept = keepers.entry(key.clone()).or_insert_with(|| {
            let (requests, asked) = mpsc::unbounded_channel();
            let lease = Arc::new(());
            let keeper = Keeper::new(
                self.logins.clone(),
                key,
                Arc::clone(&self.service),
                self.login.clone(),
                self.upstream.clone(),
                self.elsewhere.clone(),
            );
            let used = Arc::downgrade(&lease);
            self.logins.runtime.spawn(keeper.keep(asked, used));
            Kept { requests, lease }
        });
        self.lease = Some(Arc::clone(&kept.lease));
        // A keeper leaves under the same lock: one that is here takes it.
        let _ = kept.requests.send(request);
    }
}
