//! What people ask of the daemon over the admin socket.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use interdict_approvals::Person;
use interdict_audit::{Anchors, Audit, Hold};
use interdict_console::Console;
use interdict_kernel::{DEFAULT_PIN_ROOT, stable_id};
use interdict_proxy::{Live, Orders};
use interdict_record::{LedgerEntry, Micros, Record};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::fleet::States;
use super::ledger::Ledger;
use super::office::{self, Office};
use crate::admin::{Cut, Handler, Peer, Quarantined, Refusal, RefusalKind, Request, Response, Status};
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

/// Who does something, as the record has it.
pub(super) struct Doer {
    actor: String,
    detail: BTreeMap<String, String>,
}

impl From<&Peer> for Doer {
    fn from(peer: &Peer) -> Self {
        Self {
            actor: peer.actor(),
            detail: peer.detail(),
        }
    }
}

impl From<&Person> for Doer {
    fn from(person: &Person) -> Self {
        let texts = [
            ("via", Some(person.via.clone())),
            ("uid", person.uid.map(|uid| uid.to_string())),
            ("login_uid", person.login_uid.map(|uid| uid.to_string())),
            ("login", person.login.clone()),
            ("subject", person.subject.clone()),
            ("email", person.email.clone()),
        ];
        let known = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text?)));
        Self {
            actor: format!("{}:{}", person.via, person.name),
            detail: known.collect(),
        }
    }
}

/// The daemon, as people see it.
pub(super) struct Operator {
    pub(super) audit: Arc<Audit>,
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
    away: Away,
    /// The file of the key, where it is ours.
    key: Option<PathBuf>,
    directory: PathBuf,
    pub(super) office: Office,
    console: OnceLock<Weak<Console>>,
    /// Who put workloads in quarantine, as far as it was this daemon that was asked.
    by: Mutex<HashMap<String, String>>,
}

/// Where the record goes from here.
pub(super) struct Away {
    pub(super) anchors: Arc<Anchors>,
    pub(super) fleet: States,
}

impl Operator {
    pub(super) fn new(
        settings: &Settings,
        audit: Arc<Audit>,
        attached: Option<Attached>,
        live: Arc<Live>,
        orders: watch::Sender<Orders>,
        office: Office,
        away: Away,
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
            office,
            away,
            key: settings.audit.key_file(),
            directory: settings.audit.directory.clone(),
            console: OnceLock::new(),
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

    async fn append(&self, record: Record) -> Result<(), Refusal> {
        let written = async { self.audit.append(vec![record]).await?.durable().await };
        written.await.map_err(|error| failed(&error))
    }

    /// Writes down what somebody did, before it is done.
    pub(super) async fn record(
        &self,
        kind: &str,
        doer: impl Into<Doer>,
        message: String,
        workload: &str,
    ) -> Result<(), Refusal> {
        let Doer { actor, mut detail } = doer.into();
        if !workload.is_empty() {
            detail.insert("workload".to_owned(), workload.to_owned());
        }
        let written = async {
            let record: Record = detailed(kind, &actor, message, detail);
            self.audit.append(vec![record]).await?.durable().await
        };
        written.await.map_err(|error| failed(&error))
    }

    /// Refuses a workload's connections from now on, then cuts those it has.
    pub(super) async fn put_aside(&self, doer: Doer, workload: &str) -> Result<Cut, Refusal> {
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
            .insert(workload.to_owned(), doer.actor.clone());
        let message = format!("{workload} is in quarantine; {connections} sessions are ended");
        self.record("quarantine", doer, message, workload).await?;
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

    /// Ends a quarantine.
    pub(super) async fn let_back(&self, doer: Doer, workload: &str) -> Result<(), Refusal> {
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
        self.record("quarantine_lifted", doer, message, workload).await?;
        attached
            .programs
            .lift_quarantine(workload)
            .map_err(|error| failed(&error))?;
        self.order();
        Ok(())
    }

    /// Where people are let into the console from now on.
    pub(super) fn open_console(&self, console: &Arc<Console>) {
        let _ = self.console.set(Arc::downgrade(console));
    }

    /// An address that lets a caller in.
    async fn console_login(
        &self,
        peer: &Peer,
        programs: Option<Arc<interdict_kernel::Kernel>>,
    ) -> Result<Response, Refusal> {
        let console = self.console.get().and_then(Weak::upgrade).ok_or_else(|| {
            Refusal::new(
                RefusalKind::Unavailable,
                "there is no console: `admin.console` in the settings says where it listens",
            )
        })?;
        let person = office::person(peer, programs).await?;
        let url = console.ticket(person).map_err(|refusal| {
            let kind = match refusal.kind {
                interdict_console::Kind::NotPermitted => RefusalKind::NotPermitted,
                _ => RefusalKind::Failed,
            };
            Refusal::new(kind, refusal.message)
        })?;
        Ok(Response::ConsoleLogin { url })
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
        let mut attention = self.office.attention();
        let health = self.audit.health();
        if let Some(why) = health.journal {
            attention.push(format!(
                "the record can't be written, and statements are refused: {why}"
            ));
        }
        if let Some(why) = health.segments {
            attention.push(format!(
                "segments can't be sealed; the journal keeps the rows: {why}"
            ));
        }
        attention.extend(self.away.fleet.attention());
        for (name, health) in self.away.anchors.health() {
            if let Some(why) = health.failing {
                attention.push(format!(
                    "seals can't be put to {name} ({} wait): {why}",
                    health.behind
                ));
            }
        }
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
            approvals: self.office.pending(),
            workloads,
            services,
            away: self.away.fleet.counts(),
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
        self.put_aside(peer.into(), workload).await
    }

    async fn quarantine_lift(&self, peer: &Peer, workload: &str) -> Result<(), Refusal> {
        self.let_back(peer.into(), workload).await
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

    async fn people(&self, peer: &Peer, request: Request) -> Result<Response, Refusal> {
        let programs = self
            .attached()
            .ok()
            .map(|attached| Arc::clone(&attached.programs));
        if matches!(request, Request::ConsoleLogin) {
            return self.console_login(peer, programs).await;
        }
        self.office.serve(peer, programs, request).await
    }

    async fn keeping(&self, peer: &Peer, request: Request) -> Result<Response, Refusal> {
        match request {
            Request::HoldPlace {
                tables,
                from,
                until,
                reason,
            } => {
                let hold = Hold {
                    tables,
                    from,
                    until,
                    ..Hold::new(reason, peer.actor(), now())
                };
                let id = hold.id.clone();
                self.append(hold.place(peer.detail())).await?;
                Ok(Response::Hold { id })
            }
            Request::HoldLift { id, reason } => {
                let directory = self.directory.clone();
                let holds = tokio::task::spawn_blocking(move || interdict_audit::holds(&directory)).await;
                let holds = holds
                    .map_err(|error| failed(&error))?
                    .map_err(|error| failed(&error))?;
                if !holds.iter().any(|hold| hold.id == id) {
                    return Err(Refusal::new(
                        RefusalKind::NotFound,
                        format!(
                            "there is no legal hold {id}: `interdict audit hold list` shows those in force"
                        ),
                    ));
                }
                let record = Hold::lift(&id, &reason, &peer.actor(), now(), peer.detail());
                self.append(record).await?;
                Ok(Response::Hold { id })
            }
            Request::Seal => {
                self.audit.rotate().await.map_err(|error| failed(&error))?;
                Ok(Response::Seal)
            }
            Request::SealRotate { reason } => {
                let Some(path) = &self.key else {
                    return Err(Refusal::new(
                        RefusalKind::Invalid,
                        "the key comes from elsewhere: give the new one as `audit.seals.key` and the old one as `previous`, and restart",
                    ));
                };
                let message = format!("the key of the seals is changed: {reason}");
                self.record("seal_key_rotated", peer, message, "").await?;
                let key = self
                    .audit
                    .rotate_key(path)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(Response::SealKey {
                    key: key.id(),
                    public_key: key.to_pem(),
                })
            }
            other => Err(Refusal::new(
                RefusalKind::Unsupported,
                format!("`{}` is not about the record", other.name()),
            )),
        }
    }

    async fn not_permitted(&self, peer: &Peer, request: &Request) {
        let message = format!("{request:?} was asked for and not permitted");
        if let Err(refusal) = self.record("admin_refused", peer, message, "").await {
            tracing::error!(reason = refusal.message, "a refused request is not on the record");
        }
    }
}
