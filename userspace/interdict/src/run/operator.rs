//! What people ask of the daemon over the admin socket.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use interdict_audit::Audit;
use interdict_kernel::{DEFAULT_PIN_ROOT, stable_id};
use interdict_proxy::{Live, Orders};
use interdict_record::{LedgerEntry, Micros, Record};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ledger::Ledger;
use crate::admin::{Cut, Handler, Peer, Quarantined, Refusal, RefusalKind, Request, Status};
use crate::record::{detailed, now};
use crate::settings::{KernelMode, Settings};

/// How long a quarantine waits for sessions to be gone before it answers.
const CUT: Duration = Duration::from_secs(5);

/// The kernel's side, as far as people can ask for something there.
pub(super) struct Attached {
    pub(super) programs: Arc<interdict_kernel::Kernel>,
    pub(super) ledger: Arc<Ledger>,
    /// What follows the kernel's side; ended by a detach.
    pub(super) tasks: Mutex<JoinSet<()>>,
}

/// The daemon, as people see it.
pub(super) struct Operator {
    audit: Arc<Audit>,
    attached: Option<Attached>,
    detached: AtomicBool,
    ready: AtomicBool,
    live: Arc<Live>,
    orders: watch::Sender<Orders>,
    started: Instant,
    mode: &'static str,
    adopted: bool,
    workloads: Vec<String>,
    services: Vec<String>,
    /// Who put workloads in quarantine, as far as it was this daemon that was asked.
    by: Mutex<HashMap<String, String>>,
}

impl Operator {
    pub(super) fn new(
        settings: &Settings,
        audit: Arc<Audit>,
        attached: Option<Attached>,
        live: Arc<Live>,
        orders: watch::Sender<Orders>,
    ) -> Self {
        let operator = Self {
            audit,
            adopted: attached
                .as_ref()
                .is_some_and(|attached| attached.programs.adopted()),
            attached,
            detached: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            live,
            orders,
            started: Instant::now(),
            mode: match settings.kernel.mode {
                KernelMode::Enforce => "enforce",
                KernelMode::Observe => "observe",
                KernelMode::Off => "off",
            },
            workloads: settings.workloads.iter().map(|one| one.name.clone()).collect(),
            services: settings.services.iter().map(|one| one.name.clone()).collect(),
            by: Mutex::default(),
        };
        operator.order();
        operator
    }

    /// Everything is up.
    pub(super) fn ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Ends what follows the kernel's side, listeners included.
    pub(super) async fn end_following(&self) {
        let following = self.attached.as_ref().map(|attached| {
            let mut tasks = attached.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *tasks)
        });
        if let Some(mut following) = following {
            following.shutdown().await;
        }
    }

    fn attached(&self) -> Result<&Attached, Refusal> {
        let attached = self
            .attached
            .as_ref()
            .filter(|_| !self.detached.load(Ordering::Acquire));
        attached.ok_or_else(|| {
            Refusal::new(
                RefusalKind::Unavailable,
                "the kernel's side is off: there are no workloads to tell apart",
            )
        })
    }

    /// The names of workloads in quarantine, and for how long. The kernel's table is what counts: it outlives the daemon.
    fn quarantined(&self, attached: &Attached) -> Result<Vec<(String, Duration)>, Refusal> {
        let in_force = attached.programs.quarantined().map_err(|error| failed(&error))?;
        let named = in_force.into_iter().map(|one| {
            let known = self.workloads.iter().find(|name| stable_id(name) == one.workload);
            (
                known.cloned().unwrap_or_else(|| one.workload.to_string()),
                one.age,
            )
        });
        Ok(named.collect())
    }

    /// Tells the sessions who is in quarantine.
    fn order(&self) {
        let Ok(attached) = self.attached() else { return };
        match self.quarantined(attached) {
            Ok(names) => {
                let names: HashSet<String> = names.into_iter().map(|(name, _)| name).collect();
                self.orders
                    .send_modify(|orders| orders.quarantined = Arc::new(names));
            }
            Err(refusal) => tracing::error!(reason = refusal.message, "who is in quarantine can't be told"),
        }
    }

    /// Writes down what somebody did, before it is done.
    async fn record(&self, kind: &str, peer: &Peer, message: String, workload: &str) -> Result<(), Refusal> {
        let mut detail = BTreeMap::from([("uid".to_owned(), peer.uid.to_string())]);
        if let Some(pid) = peer.pid {
            detail.insert("pid".to_owned(), pid.to_string());
        }
        if !workload.is_empty() {
            detail.insert("workload".to_owned(), workload.to_owned());
        }
        let written = async {
            let record: Record = detailed(kind, &peer.actor(), message, detail);
            self.audit.append(vec![record]).await?.durable().await
        };
        written.await.map_err(|error| failed(&error))
    }

    fn check(&self, workload: &str) -> Result<(), Refusal> {
        if self.workloads.iter().any(|known| known == workload) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::UnknownWorkload,
            format!(
                "the settings have no workload `{workload}`; they have: {}",
                self.workloads.join(", ")
            ),
        ))
    }
}

fn failed(error: &dyn std::error::Error) -> Refusal {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Refusal::new(RefusalKind::Failed, text)
}

impl Handler for Operator {
    async fn status(&self) -> Result<Status, Refusal> {
        let mut workloads: BTreeMap<_, BTreeMap<String, u64>> = self
            .workloads
            .iter()
            .map(|name| (name.clone(), BTreeMap::from([("sessions".to_owned(), 0)])))
            .collect();
        let mut services: BTreeMap<_, BTreeMap<String, u64>> = self
            .services
            .iter()
            .map(|name| (name.clone(), BTreeMap::from([("sessions".to_owned(), 0)])))
            .collect();
        let mut sessions = 0;
        for ((workload, service), count) in self.live.counts() {
            sessions += count;
            let of_workload = workload.and_then(|name| workloads.get_mut(&name));
            for counts in of_workload.into_iter().chain(services.get_mut(&service)) {
                *counts.entry("sessions".to_owned()).or_default() += count;
            }
        }
        let mut attention = Vec::new();
        let mode = if self.detached.load(Ordering::Acquire) {
            attention.push("the programs were detached: nothing is redirected".to_owned());
            "detached"
        } else {
            self.mode
        };
        if let Ok(attached) = self.attached() {
            for enrolled in attached.programs.enrolled() {
                let counts = workloads.get_mut(&*enrolled.workload);
                if let Some(counts) = counts {
                    *counts.entry("cgroups".to_owned()).or_default() += 1;
                }
            }
            for (name, _) in self.quarantined(attached)? {
                attention.push(format!("{name} is in quarantine"));
            }
            for hook in attached.programs.missing_hooks() {
                attention.push(format!("{hook} is not in its place"));
            }
        }
        Ok(Status {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            ready: self.ready.load(Ordering::Relaxed),
            mode: mode.to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            adopted: self.adopted,
            sessions,
            workloads,
            services,
            attention,
        })
    }

    async fn ledger(&self) -> Result<Vec<LedgerEntry>, Refusal> {
        let attached = self.attached()?;
        let rows = attached.programs.ledger().map_err(|error| failed(&error))?;
        Ok(attached.ledger.look(&rows))
    }

    async fn quarantine_list(&self) -> Result<Vec<Quarantined>, Refusal> {
        let attached = self.attached()?;
        let by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        let list = self.quarantined(attached)?.into_iter().map(|(workload, age)| {
            let age = Micros::try_from(age.as_micros()).unwrap_or(Micros::MAX);
            Quarantined {
                since: now().saturating_sub(age),
                by: by
                    .get(&workload)
                    .cloned()
                    .unwrap_or_else(|| "(before this daemon started)".to_owned()),
                workload,
            }
        });
        Ok(list.collect())
    }

    async fn quarantine(&self, peer: &Peer, workload: &str) -> Result<Cut, Refusal> {
        self.check(workload)?;
        let attached = self.attached()?;
        let already = self
            .quarantined(attached)?
            .iter()
            .any(|(name, _)| name == workload);
        // Refusing first and writing after: the other way round the workload had the time of a write.
        attached
            .programs
            .quarantine(workload)
            .map_err(|error| failed(&error))?;
        let connections = self.live.of_workload(workload);
        self.order();
        self.by
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(workload.to_owned(), peer.actor());
        let message = format!("{workload} is in quarantine; {connections} sessions are ended");
        self.record("quarantine", peer, message, workload).await?;
        // Those that do not read their last words take a little.
        if tokio::time::timeout(CUT, self.live.until_none_of(workload))
            .await
            .is_err()
        {
            tracing::warn!(workload, "sessions of a workload in quarantine take long to end");
        }
        Ok(Cut {
            workload: workload.to_owned(),
            connections,
            already,
        })
    }

    async fn quarantine_lift(&self, peer: &Peer, workload: &str) -> Result<(), Refusal> {
        self.check(workload)?;
        let attached = self.attached()?;
        if !self
            .quarantined(attached)?
            .iter()
            .any(|(name, _)| name == workload)
        {
            return Err(Refusal::new(
                RefusalKind::NotQuarantined,
                format!("{workload} is not in quarantine"),
            ));
        }
        let message = format!("the quarantine of {workload} is lifted");
        self.record("quarantine_lifted", peer, message, workload).await?;
        attached
            .programs
            .lift_quarantine(workload)
            .map_err(|error| failed(&error))?;
        self.order();
        Ok(())
    }

    async fn detach(&self, peer: &Peer) -> Result<(), Refusal> {
        let attached = self.attached()?;
        let message = "the programs are detached: workloads reach protected destinations directly".to_owned();
        self.record("detach", peer, message, "").await?;
        self.detached.store(true, Ordering::Release);
        // Whatever would put the programs back ends first.
        attached
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
        interdict_kernel::detach(DEFAULT_PIN_ROOT.as_ref()).map_err(|error| failed(&error))
    }

    async fn not_permitted(&self, peer: &Peer, request: &Request) {
        let message = format!("{request:?} was asked for and not permitted");
        if let Err(refusal) = self.record("admin_refused", peer, message, "").await {
            tracing::error!(reason = refusal.message, "a refused request is not on the record");
        }
    }
}
