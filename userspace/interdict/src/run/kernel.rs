//! The kernel's side, wired to the data path.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use interdict_audit::Audit;
use interdict_identity::{Caller, Facts};
use interdict_kernel::{
    DEFAULT_PIN_ROOT, Destination, FlowLookup as _, Flows, Mode, Tables, UnixSocket, stable_id,
};
use interdict_proxy::{Origin, Origins, Taken, Workers};
use interdict_record::Record;
use tokio::task::JoinSet;

use super::canary::{self, Arrivals};
use super::destinations::{self, Destinations};
use super::existing::{Action, Existing};
use super::judge::Judge;
use super::ledger::{self, Ledger, Served};
use super::names::Resolver;
use super::namespaces::Namespaces;
use super::numbers::Numbers;
use super::{enrolment, events, workloads};
use crate::record::told;
use crate::settings::{self, KernelMode, Settings};

/// The attached programs and what they are to protect.
pub(super) struct Kernel {
    pub(super) programs: Arc<interdict_kernel::Kernel>,
    pub(super) ledger: Arc<Ledger>,
    numbers: Arc<Numbers>,
    workloads: Vec<interdict_kernel::Workload>,
    judge: Option<Arc<Judge>>,
    destinations: Destinations,
    unix: Vec<UnixSocket>,
    action: Action,
    observes: bool,
    served: Arc<Served>,
    arrivals: Arc<Arrivals>,
    /// What is to be written down before anything is redirected.
    first: Vec<Record>,
}

impl Kernel {
    /// Attaches, or takes over what an earlier daemon attached. Nothing is protected newly yet.
    pub(super) async fn attach(settings: &Settings) -> anyhow::Result<Self> {
        let numbers = Arc::new(Numbers::new(settings)?);
        let observes = settings.kernel.mode == KernelMode::Observe;
        let judge = workloads::judge(settings)?;
        let mut workloads = workloads::all(settings);
        workloads.push(canary::workload());
        let (destinations, first) = Destinations::resolve(settings, Resolver::System).await;
        let attach = interdict_kernel::Settings {
            mode: if observes { Mode::Observe } else { Mode::Enforce },
            heartbeat: Some(settings.kernel.heartbeat),
            ..Default::default()
        };
        let programs = interdict_kernel::Kernel::attach(&attach)
            .context("attaching to the kernel (`interdict doctor` says what is missing; `kernel: { mode: off }` does without)")?;
        let served = Arc::new(Served::default());
        let ledger = Ledger::new(
            Arc::clone(&numbers),
            Arc::clone(&served),
            &programs.ledger()?,
            &programs.counters()?,
        );
        let mut kernel = Self {
            programs: Arc::new(programs),
            ledger: Arc::new(ledger),
            numbers,
            workloads,
            judge,
            destinations,
            unix: unix(settings),
            action: match (observes, settings.kernel.existing) {
                (true, _) => Action::Tell,
                (false, settings::Existing::Cut) => Action::Cut,
                (false, settings::Existing::Leave) => Action::Leave,
            },
            observes,
            served,
            arrivals: Arc::new(Arrivals::default()),
            first,
        };
        kernel.describe(settings);
        Ok(kernel)
    }

    /// What a reader of the record must know of this daemon's boundary.
    fn describe(&mut self, settings: &Settings) {
        let mut gaps = 0;
        for coverage in self.programs.coverage() {
            let Some(gap) = coverage.gap else { continue };
            gaps += 1;
            let detail = [
                ("technique", coverage.technique.to_owned()),
                ("consequence", gap.consequence.to_owned()),
                ("remedy", gap.remedy.to_owned()),
            ];
            let message = format!("{}: {}", coverage.technique, gap.consequence);
            self.first.push(told("coverage_gap", message, detail));
        }
        if gaps > 0 {
            tracing::warn!(
                gaps,
                "not every way around can be closed here: `interdict doctor` names them"
            );
        }
        for service in settings.services.iter().filter(|service| service.fail_open) {
            let message = format!(
                "{} is set to fail open: while no daemon is alive, workloads reach it directly, unmasked and unrecorded",
                service.name
            );
            tracing::error!("{message}");
            self.first.push(told(
                "fail_open_set",
                message,
                [("service", service.name.clone())],
            ));
        }
        if self.observes {
            self.first.push(told(
                "observing",
                "the kernel's side only observes: nothing is redirected or refused".to_owned(),
                [],
            ));
        }
    }

    pub(super) fn adopted(&self) -> bool {
        self.programs.adopted()
    }

    /// Answers where accepted connections came from.
    pub(super) fn origins(&self) -> Arc<dyn Origins> {
        Arc::new(KernelOrigins {
            flows: self.programs.flows(),
            numbers: Arc::clone(&self.numbers),
            served: Arc::clone(&self.served),
            arrivals: Arc::clone(&self.arrivals),
        })
    }

    /// Who knows this node's pods, if they are followed.
    pub(super) fn pods(&self) -> Option<Arc<dyn interdict_identity::Pods>> {
        let judge = self.judge.as_ref().filter(|judge| judge.asks_for_pods())?;
        Some(Arc::clone(&judge.pods) as _)
    }

    /// Who has noted where processes come from.
    pub(super) fn lineage(&self) -> anyhow::Result<Arc<dyn interdict_identity::Lineage>> {
        let (lineages, written) = self.programs.lineages()?;
        if !written {
            tracing::warn!(
                "where processes come from is not noted here: parents that ended are missing from ancestries (`interdict doctor`)"
            );
        }
        Ok(Arc::new(Noted(lineages)))
    }

    /// What is to be written down before anything is redirected.
    pub(super) fn first_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.first)
    }

    /// Opens the listeners, only then lets the kernel send connections to them, and follows what changes from then on.
    pub(super) async fn open(
        self,
        workers: &Arc<Workers>,
        audit: &Arc<Audit>,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<()> {
        let Self {
            programs,
            ledger,
            numbers,
            workloads,
            judge,
            destinations,
            unix,
            action,
            observes,
            served: _,
            arrivals,
            first: _,
        } = self;
        let tables = Arc::new(Tables::open(DEFAULT_PIN_ROOT.as_ref())?);
        let namespaces = Namespaces::start(&programs, &tables, workers, audit, tasks).await?;
        let list = namespaces.list();
        let announced = move |event: &interdict_kernel::Event| namespaces.announce(event);
        tasks.spawn(events::keep(
            programs.events()?,
            Arc::clone(audit),
            Arc::clone(&numbers),
            announced,
        ));

        protect(&programs, destinations.protected())?;
        programs.protect_unix(&unix)?;
        if let Some(judge) = &judge {
            let judge: Arc<dyn interdict_kernel::Judge> = Arc::clone(judge) as _;
            programs.judge_by(judge);
        }
        programs.scope(&workloads)?;
        programs.retire_others()?;
        if let Some(judge) = judge {
            enrolment::follow(Arc::clone(&programs), judge, Arc::clone(audit), tasks).await?;
        }
        if !observes {
            if let Some(why) = canary::hindrance(&programs) {
                tracing::warn!(
                    why,
                    "the redirect can't be tried here: only the programs' places are looked at"
                );
                let message =
                    format!("the redirect can't be tried, the programs' places are looked at: {why}");
                let _queued = audit
                    .append(vec![told("canary_unavailable", message, [])])
                    .await?;
            }
            if let Err(why) = canary::look(&programs, &arrivals).await {
                bail!("the redirect does not hold: {why}. Protected destinations are refused until it does");
            }
            tasks.spawn(canary::keep(Arc::clone(&programs), arrivals, Arc::clone(audit)));
        }

        let (kernel, record) = (Arc::clone(&programs), Arc::clone(audit));
        tasks.spawn(async move {
            let tell = |records| {
                let record = Arc::clone(&record);
                async move {
                    if let Err(error) = record.append(records).await {
                        tracing::error!(%error, "a change of destinations is not on the record");
                    }
                }
            };
            destinations.follow(|wanted| protect(&kernel, wanted), tell).await;
        });
        let names = {
            let numbers = Arc::clone(&numbers);
            move |service, workload| (numbers.service(service), numbers.workload(workload))
        };
        Existing {
            kernel: Arc::clone(&programs),
            tables,
            audit: Arc::clone(audit),
            namespaces: list,
            names: Arc::new(names),
            action,
        }
        .start(tasks);
        tasks.spawn(ledger::keep(ledger, programs, Arc::clone(audit)));
        Ok(())
    }
}

/// Protects what is wanted, and what the daemon tries itself with.
fn protect(
    programs: &interdict_kernel::Kernel,
    wanted: &[Destination],
) -> Result<(), interdict_kernel::KernelError> {
    let mut all = wanted.to_vec();
    all.push(canary::destination());
    programs.protect(&all)
}

fn unix(settings: &Settings) -> Vec<UnixSocket> {
    let fails_open = |number: u32| {
        settings
            .services
            .iter()
            .any(|service| stable_id(&service.name) == number && service.fail_open)
    };
    destinations::unix(settings)
        .into_iter()
        .map(|(path, service)| UnixSocket {
            path,
            service,
            fail_open: fails_open(service),
        })
        .collect()
}

#[derive(Debug)]
struct Noted(interdict_kernel::Lineages);

impl interdict_identity::Lineage for Noted {
    fn origin(&self, pid: u32, start_ticks: u64) -> Option<interdict_identity::Origin> {
        let noted = self.0.of(pid, start_ticks)?;
        Some(interdict_identity::Origin {
            parent: noted.parent,
            executable: noted.path,
            comm: noted.comm,
        })
    }
}

struct KernelOrigins {
    flows: Flows,
    numbers: Arc<Numbers>,
    served: Arc<Served>,
    arrivals: Arc<Arrivals>,
}

impl Origins for KernelOrigins {
    fn take(&self, peer: SocketAddr, local: SocketAddr, netns_cookie: u64) -> Taken {
        let Some(flow) = self.flows.take_flow(peer, local, netns_cookie) else {
            return Taken::Unknown;
        };
        if canary::is(flow.service) {
            self.arrivals.count();
            return Taken::Own;
        }
        self.served.count(flow.workload, flow.service);
        let Some(service) = self.numbers.index(flow.service) else {
            tracing::error!(
                service = flow.service,
                "a connection to a service that these settings do not have"
            );
            return Taken::Unknown;
        };
        let workload = self.numbers.known_workload(flow.workload);
        let caller = Caller {
            tgid: flow.tgid,
            pid: flow.tid,
            start_boot_ns: flow.process_start_ns.unwrap_or_default(),
            uid: flow.uid,
            gid: flow.gid,
            comm: flow.comm,
            cgroup_id: flow.cgroup_id,
            cgroup_path: None,
            workload: workload.clone(),
        };
        Taken::Origin(Box::new(Origin {
            service,
            destination: flow.destination,
            facts: Facts::Kernel(caller),
            workload,
        }))
    }
}
