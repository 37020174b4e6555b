//! The kernel's side, wired to the data path.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use interdict_audit::Audit;
use interdict_identity::{Caller, Facts};
use interdict_kernel::{FlowLookup as _, Flows, Mode, Verdict, stable_id};
use interdict_proxy::{Origin, Origins, Workers};
use interdict_record::{Event, Record};
use tokio::task::JoinSet;

use super::destinations::Destinations;
use super::names::Resolver;
use super::{listeners, now, workloads};
use crate::settings::{KernelMode, Settings};

/// The attached programs and what they are to protect.
pub(super) struct Kernel {
    programs: interdict_kernel::Kernel,
    workloads: Vec<interdict_kernel::Workload>,
    destinations: Destinations,
    numbers: Arc<Numbers>,
}

/// What the kernel's numbers stand for.
#[derive(Debug)]
struct Numbers {
    services: HashMap<u32, (usize, String)>,
    workloads: HashMap<u32, String>,
}

impl Kernel {
    /// Attaches, or takes over what an earlier daemon attached. Nothing is protected newly yet.
    pub(super) async fn attach(settings: &Settings) -> anyhow::Result<Self> {
        let mut numbers = Numbers {
            services: HashMap::new(),
            workloads: HashMap::new(),
        };
        for (index, service) in settings.services.iter().enumerate() {
            let before = numbers
                .services
                .insert(stable_id(&service.name), (index, service.name.clone()));
            if let Some((_, other)) = before {
                bail!(
                    "the services {other} and {} have the same number by chance: rename one",
                    service.name
                );
            }
        }
        let names = settings.workloads.iter().map(|workload| &workload.name);
        numbers.workloads.extend(names.map(|name| (stable_id(name), name.clone())));
        let workloads = workloads::all(settings);
        let mode = if settings.kernel.mode == KernelMode::Observe {
            Mode::Observe
        } else {
            Mode::Enforce
        };
        let (destinations, _) = Destinations::resolve(settings, Resolver::System).await;
        let attach = interdict_kernel::Settings {
            mode,
            ..Default::default()
        };
        let kernel = interdict_kernel::Kernel::attach(&attach)
            .context("attaching to the kernel (`interdict doctor` says what is missing; `kernel: { mode: off }` does without)")?;
        Ok(Self {
            programs: kernel,
            workloads,
            destinations,
            numbers: Arc::new(numbers),
        })
    }

    pub(super) fn adopted(&self) -> bool {
        self.programs.adopted()
    }

    /// Answers where accepted connections came from.
    pub(super) fn origins(&self) -> Arc<dyn Origins> {
        Arc::new(KernelOrigins {
            flows: self.programs.flows(),
            numbers: Arc::clone(&self.numbers),
        })
    }

    /// Opens the listeners, and only then lets the kernel send connections to them.
    pub(super) fn open(&self, workers: &Arc<Workers>, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
        let ports = listeners::redirected(workers, tasks)?;
        self.programs
            .publish_listener(ports.netns_cookie, Some(ports.v4), ports.v6)?;
        self.programs.protect(self.destinations.protected())?;
        self.programs.scope(&self.workloads)?;
        Ok(())
    }

    /// Writes what the kernel refuses (or observes) into the record.
    pub(super) fn report(&self, audit: &Arc<Audit>, tasks: &mut JoinSet<()>) -> anyhow::Result<()> {
        let mut events = self.programs.events()?;
        let audit = Arc::clone(audit);
        let numbers = Arc::clone(&self.numbers);
        tasks.spawn(async move {
            loop {
                match events.next().await {
                    Ok(event) => {
                        if let Err(error) = audit.append(vec![numbers.record(&event)]).await {
                            tracing::error!(%error, "an event of the kernel is not on the record");
                        }
                    }
                    Err(error) => {
                        tracing::error!(%error, "the kernel's events can't be read any more");
                        return;
                    }
                }
            }
        });
        Ok(())
    }
}

impl Numbers {
    fn record(&self, event: &interdict_kernel::Event) -> Record {
        let flow = &event.flow;
        let service = self
            .services
            .get(&flow.service)
            .map_or_else(|| flow.service.to_string(), |(_, name)| name.clone());
        let workload = self
            .workloads
            .get(&flow.workload)
            .cloned()
            .unwrap_or_else(|| flow.workload.to_string());
        let kind = if event.verdict == Verdict::Observed {
            "connect_observed"
        } else {
            "connect_refused"
        };
        let verdict = format!("{:?}", event.verdict).to_lowercase();
        let detail = BTreeMap::from([
            ("hook".to_owned(), event.hook.name().to_owned()),
            ("verdict".to_owned(), verdict.clone()),
            ("protocol".to_owned(), event.protocol.to_string()),
            ("destination".to_owned(), flow.destination.to_string()),
            ("service".to_owned(), service.clone()),
            ("workload".to_owned(), workload.clone()),
            ("pid".to_owned(), flow.tgid.to_string()),
            ("uid".to_owned(), flow.uid.to_string()),
            ("comm".to_owned(), flow.comm.clone()),
            ("cgroup_id".to_owned(), flow.cgroup_id.to_string()),
        ]);
        let message = format!(
            "{} (pid {}) of {workload} to {} ({service}): {verdict}",
            flow.comm, flow.tgid, flow.destination
        );
        Record::Event(Box::new(Event {
            at: now(),
            kind: kind.to_owned(),
            actor: "kernel".to_owned(),
            message,
            detail,
        }))
    }
}

struct KernelOrigins {
    flows: Flows,
    numbers: Arc<Numbers>,
}

impl Origins for KernelOrigins {
    fn take(&self, peer: SocketAddr, local: SocketAddr, netns_cookie: u64) -> Option<Origin> {
        let flow = self.flows.take_flow(peer, local, netns_cookie)?;
        let Some((service, _)) = self.numbers.services.get(&flow.service) else {
            tracing::error!(
                service = flow.service,
                "a connection to a service that these settings do not have"
            );
            return None;
        };
        let workload = self.numbers.workloads.get(&flow.workload).cloned();
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
        Some(Origin {
            service: *service,
            destination: flow.destination,
            facts: Facts::Kernel(caller),
            workload,
        })
    }
}
