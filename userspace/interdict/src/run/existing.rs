//! Looks for connections that go around the proxy, and does with them what the settings say.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use interdict_audit::Audit;
use interdict_kernel::{Candidates, Connection, Cut, Found, Kernel, Tables, Transport};
use interdict_record::Record;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

use super::namespaces::List;
use crate::record::detailed;

/// How often it is looked, should nothing tell that it is time.
const SWEEP: Duration = Duration::from_secs(5);
/// How soon after one look the next may follow.
const PAUSE: Duration = Duration::from_millis(250);
/// Looking takes no more than one part in so many of a processor.
const SHARE: u32 = 20;

/// What is done with a connection that goes around the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is ended; the egress guard starves what can't be.
    Cut,
    /// It may go on until it ends by itself.
    Leave,
    /// It is only told: the kernel's side observes and refuses nothing.
    Tell,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Leave => "leave",
            Self::Tell => "observe",
        }
    }
}

/// Names of a service and a workload by their numbers.
pub(super) type Names = Arc<dyn Fn(u32, u32) -> (String, String) + Send + Sync>;

/// What looks for them.
pub(super) struct Existing {
    pub(super) kernel: Arc<Kernel>,
    pub(super) tables: Arc<Tables>,
    pub(super) audit: Arc<Audit>,
    pub(super) namespaces: watch::Receiver<List>,
    pub(super) names: Names,
    pub(super) action: Action,
}

/// What was told already.
#[derive(Default)]
struct Told {
    /// Sockets by cookie.
    sockets: HashSet<u64>,
    gaps: HashSet<Transport>,
}

impl Existing {
    /// Looks now, whenever somebody is enrolled or a namespace is new, and every few seconds.
    pub(super) fn start(self, tasks: &mut JoinSet<()>) {
        tasks.spawn(self.run());
    }

    async fn run(mut self) {
        let mut changes = self.kernel.enrolment_changes();
        let mut told = Told::default();
        let mut next = Instant::now();
        let mut earliest = next;
        loop {
            tokio::select! {
                Ok(()) = changes.changed() => next = next.min(earliest.max(Instant::now())),
                Ok(()) = self.namespaces.changed() => next = next.min(earliest.max(Instant::now())),
                () = tokio::time::sleep_until(next) => {
                    let started = Instant::now();
                    self.sweep(&mut told).await;
                    let now = Instant::now();
                    let took = now - started;
                    earliest = now + PAUSE.max(took * SHARE);
                    next = now + SWEEP.max(took * SHARE);
                }
            }
        }
    }

    async fn sweep(&mut self, told: &mut Told) {
        let namespaces = self.namespaces.borrow_and_update().clone();
        let mut candidates = match Candidates::find(&namespaces, &self.tables).await {
            Ok(candidates) => candidates,
            Err(error) => {
                let error = anyhow::Error::new(error);
                return tracing::error!("connections from before can't be looked for: {error:#}");
            }
        };
        drop(namespaces);
        let mut whole = candidates.failed.is_empty();
        for error in std::mem::take(&mut candidates.failed) {
            // A namespace may go meanwhile.
            let error = anyhow::Error::new(error);
            tracing::warn!("the sockets of a namespace can't be listed: {error:#}");
        }
        self.tell_gaps(&candidates, told).await;
        let (kernel, tables) = (Arc::clone(&self.kernel), Arc::clone(&self.tables));
        let found = match spawn_blocking(move || candidates.judge(&kernel, &tables)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                let error = anyhow::Error::new(error);
                tracing::error!("connections from before can't be judged: {error:#}");
                whole = false;
                Vec::new()
            }
            Err(error) => return tracing::error!(%error, "connections from before can't be judged"),
        };
        let present: HashSet<u64> = found.iter().map(|one| one.connection.cookie).collect();
        if whole {
            told.sockets.retain(|cookie| present.contains(cookie));
            let keep = if self.action == Action::Leave {
                present
            } else {
                HashSet::new()
            };
            if let Err(error) = self.kernel.keep_only(&keep) {
                let error = anyhow::Error::new(error);
                tracing::error!("connections that are over can't be forgotten: {error:#}");
            }
        }
        for one in found {
            let is_new = told.sockets.insert(one.connection.cookie);
            if !is_new && self.action != Action::Cut {
                continue;
            }
            let result = self.act(&one).await;
            if is_new {
                self.write(self.record(&one, &result)).await;
            }
        }
    }

    /// What came of it, for the record.
    async fn act(&self, found: &Found) -> String {
        let result = match self.action {
            Action::Tell => return "left".to_owned(),
            Action::Leave => self.kernel.keep(found.connection.cookie).map(|()| "left"),
            Action::Cut => found.cut().await.map(|cut| match cut {
                Cut::Done => "ended",
                Cut::Gone => "gone",
                Cut::Unsupported => "not_supported",
            }),
        };
        match result {
            Ok(result) => result.to_owned(),
            Err(error) => format!("{:#}", anyhow::Error::new(error)),
        }
    }

    fn record(&self, found: &Found, result: &str) -> Record {
        let Found {
            connection,
            namespace,
            holder,
            ..
        } = found;
        let (service, workload) = (self.names)(found.service, found.workload);
        let Connection {
            transport,
            local,
            remote,
            uid,
            ..
        } = connection;
        let who = holder.as_ref().map_or_else(
            || "nobody".to_owned(),
            |holder| format!("{} (pid {})", holder.comm, holder.pid),
        );
        let message = format!(
            "a connection of {who} of {workload} to {remote} ({service}) goes around the proxy: {}: {result}",
            self.action.name()
        );
        if matches!(result, "ended" | "left" | "gone") {
            tracing::warn!("{message}");
        } else {
            tracing::error!(
                "{message}; the egress guard drops its packets if its socket's cgroup is in scope"
            );
        }
        let mut detail = BTreeMap::from([
            ("service".to_owned(), service),
            ("workload".to_owned(), workload),
            ("transport".to_owned(), transport.name().to_owned()),
            ("local".to_owned(), local.to_string()),
            ("remote".to_owned(), remote.to_string()),
            ("uid".to_owned(), uid.to_string()),
            ("netns_cookie".to_owned(), namespace.cookie().to_string()),
            ("action".to_owned(), self.action.name().to_owned()),
            ("result".to_owned(), result.to_owned()),
        ]);
        if let Some(holder) = holder {
            detail.insert("pid".to_owned(), holder.pid.to_string());
            detail.insert("comm".to_owned(), holder.comm.clone());
        }
        detailed("existing_connection", "daemon", message, detail)
    }

    /// A kernel that can't list sockets leaves those of other cgroups unseen.
    async fn tell_gaps(&self, candidates: &Candidates, told: &mut Told) {
        for (_, transport) in &candidates.untold {
            if !told.gaps.insert(*transport) {
                continue;
            }
            let name = transport.name();
            let message = format!(
                "this kernel can't list {name} sockets (module {name}_diag): connections from before enrolment are not found; \
                 the egress guard drops the packets of those made in a cgroup that is in scope"
            );
            tracing::warn!("{message}");
            let detail = [("transport".to_owned(), name.to_owned())];
            self.write(detailed("coverage_gap", "daemon", message, detail.into()))
                .await;
        }
    }

    async fn write(&self, record: Record) {
        if let Err(error) = self.audit.append(vec![record]).await {
            tracing::error!(%error, "a connection from before is not on the record");
        }
    }
}
