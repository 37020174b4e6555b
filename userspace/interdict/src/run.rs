//! The daemon: opens the audit, attaches the kernel's side, listens, and waits for signals.

mod addresses;
mod authority;
mod canary;
mod console;
mod containers;
mod credentials;
mod destinations;
mod enrolment;
mod events;
mod existing;
mod fleet;
mod heart;
mod issuers;
mod judge;
mod keeping;
mod kernel;
mod ledger;
mod listeners;
mod metrics;
mod names;
mod namespaces;
mod numbers;
mod office;
mod operator;
mod pods;
mod services;
mod workloads;

pub(crate) use self::keeping::told as retained;

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use interdict_approvals::{Bounds, Desk, Notice, Sender, Store};
use interdict_audit::{Audit, Observers};
use interdict_identity::{Limits, Resolver, Sources};
use interdict_policy::PolicySet;
use interdict_proxy::{
    Cancels, CatalogueLogins, Elsewhere, Live, Opinions, Orders, Proxy, Untrusting, Warm, Workers,
};
use interdict_record::{PolicyLoaded, Record};
use interdict_session::Shared;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::office::Office;
use self::operator::{Attached, Away, Operator};
use crate::admin::{self, Socket};
use crate::record::{self, event, now};
use crate::sandbox::Sandbox;
use crate::settings::{KernelMode, Settings};

/// Memory for analysed statements.
const ANALYSIS_CACHE: usize = 64 << 20;
/// How long sessions may go on when the daemon stops, to finish a transaction.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the last seal may take to reach its anchors when the daemon stops; a restart goes on where it ended.
const LAST_SEAL: Duration = Duration::from_secs(3);
/// Approvals that webhooks are still to be told of; more are logged and not sent.
const NOTICES: usize = 20_000;
/// How long a client may take to start its session, and a service to accept a connection.
const OPENING: Duration = Duration::from_secs(30);

/// Runs until it is told to stop. `config` is where the settings came from, for reloading.
pub(crate) fn daemon(config: &Path, settings: Settings, policies: PolicySet) -> anyhow::Result<()> {
    raise_file_limit();
    if settings.kernel.mode != KernelMode::Off {
        interdict_kernel::enter_host_cgroup_namespace()
            .context("the host's cgroup namespace (a container needs the host's process namespace)")?;
    }
    // Before there is a second thread, so that all that come have no more.
    let sandbox = Sandbox::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(run(config, settings, policies, sandbox))
}

async fn run(config: &Path, settings: Settings, policies: PolicySet, sandbox: Sandbox) -> anyhow::Result<()> {
    // Handlers first: a signal that comes during start-up must not be lost, nor end the process half-way.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let mut observers = Observers::default();
    let fleet = fleet::Fleet::new(&settings, &mut observers);
    let counts = metrics::Counts::new(&settings, &mut observers);
    let audit = Arc::new(record::open_observed(&settings.audit, observers)?);
    let mut tasks = JoinSet::new();
    let anchors = Arc::new(keeping::anchors(&settings.audit, &audit, &mut tasks)?);
    tasks.spawn(keeping::clock(Arc::clone(&audit)));
    tasks.spawn(keeping::retain(settings.audit.clone(), Arc::clone(&audit)));
    tasks.spawn(keeping::compact(settings.audit.clone(), Arc::clone(&audit)));
    let policies = Arc::new(policies);
    let shared = Arc::new(Shared::new(Arc::clone(&policies), ANALYSIS_CACHE));
    let grants = Arc::new(open_grants(&audit, &shared).await?);
    let (notices, noticed) = mpsc::channel(NOTICES);
    let desk = Arc::new(Desk::new(
        Arc::clone(&audit),
        Arc::clone(&grants),
        tokio::runtime::Handle::current(),
        Bounds::default(),
        (!settings.approvals.webhooks.is_empty()).then_some(notices),
    ));
    let (orders, told) = watch::channel(Orders::default());
    let (stop, stopping) = watch::channel(false);
    // Before anything is changed: a daemon that runs already must not be disturbed.
    let door = Socket::bind(&settings.admin.socket, settings.admin.group.as_deref())?;
    // Session threads have no files: what certificates need is read before there are any.
    let (authority, authority_told) = authority::open(&settings)?;
    let enforced = settings.kernel.mode != KernelMode::Off;
    let mut kernel = if enforced {
        Some(kernel::Kernel::attach(&settings).await?)
    } else {
        None
    };
    let live = Arc::new(Live::default());
    let oidc = issuers::build(&settings, &tokio::runtime::Handle::current())?;
    let sources = Sources {
        oidc: oidc.clone(),
        environment: settings.identity.environment.clone(),
        pods: kernel.as_ref().and_then(kernel::Kernel::pods),
        lineage: match &kernel {
            Some(kernel) => Some(kernel.lineage()?),
            None => None,
        },
    };
    let proxy = Arc::new(Proxy {
        shared: Arc::clone(&shared),
        audit: Arc::clone(&audit),
        resolver: Arc::new(Resolver::new(Limits::default(), sources)),
        elsewhere: Elsewhere::new(tokio::runtime::Handle::current(), OPENING),
        opinions: Opinions::new(tokio::runtime::Handle::current())?,
        desk: Arc::clone(&desk),
        cancels: Cancels::default(),
        untrusting: Untrusting::default(),
        warm: Warm::default(),
        catalogues: CatalogueLogins::new(
            tokio::runtime::Handle::current(),
            Arc::clone(&shared),
            Arc::clone(&audit),
        ),
        services: services::build(&settings, authority.as_ref())?.into(),
        origins: kernel.as_ref().map(kernel::Kernel::origins),
        opening_timeout: OPENING,
        frames: settings.audit.frames,
        drain: DRAIN,
        live: Arc::clone(&live),
        orders: told,
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = Workers::start(&proxy, cores, sandbox.session_thread());
    let workers = Arc::new(workers.context("starting the session threads")?);
    listeners::explicit(&settings, &workers, &mut tasks)?;
    let programs = kernel.as_ref().map(|kernel| Arc::clone(&kernel.programs));
    tasks.spawn(Arc::clone(&grants).keep());
    webhooks(&settings, &desk, noticed, &mut tasks).await?;
    tasks.spawn(heart::keep(programs, Arc::clone(&workers)));
    let away = fleet.start(&settings, &audit, &mut tasks).await?;
    metrics::serve(&settings, counts, &audit, &live, away.clone(), &mut tasks).await?;
    if let Some(oidc) = oidc {
        tasks.spawn(issuers::keep(oidc, Arc::clone(&audit)));
    }

    // Everything is on the record before anything can be redirected.
    let mut first = vec![event(
        "start",
        "daemon",
        format!("interdict {} started", env!("CARGO_PKG_VERSION")),
    )];
    first.extend(policies_in_force(&policies));
    first.extend(authority_told);
    first.extend(sandbox.gaps());
    if let Some(kernel) = &mut kernel {
        let what = if kernel.adopted() {
            "took over the programs of an earlier daemon"
        } else {
            "attached the programs"
        };
        first.push(event("attach", "daemon", what));
        first.extend(kernel.first_records());
    }
    audit.append(first).await?.durable().await?;
    let attached = match kernel {
        Some(kernel) => {
            let (programs, ledger) = (Arc::clone(&kernel.programs), Arc::clone(&kernel.ledger));
            let mut following = JoinSet::new();
            kernel.open(&workers, &audit, &mut following).await?;
            Some(Attached {
                programs,
                ledger,
                tasks: Mutex::new(following),
            })
        }
        None => None,
    };
    let operator = Arc::new(Operator::new(
        &settings,
        Arc::clone(&audit),
        attached,
        live,
        orders.clone(),
        Office::new(Arc::clone(&desk), grants, &settings.admin.grantors),
        Away {
            anchors: Arc::clone(&anchors),
            fleet: away.clone(),
        },
    ));
    console::open(&settings, &operator, &shared, &mut tasks).await?;
    tasks.spawn(admin::serve(door, Arc::clone(&operator), stopping));
    if policies.sources().next().is_none() {
        tracing::warn!("there are no policies: everything is recorded, nothing is masked or refused by rule");
    }
    operator.ready();
    eprintln!("ready");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    loop {
        tokio::select! {
            _ = hangup.recv() => reload(config, &shared, &audit).await,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    stop.send_replace(true);
    tasks.shutdown().await;
    // Whoever waits for people is refused, so that its session can end.
    desk.close().await;
    // Nothing is accepted any more; what runs may finish what it is at.
    operator.end_following().await;
    orders.send_modify(|orders| orders.stop = true);
    if let Some(workers) = Arc::into_inner(workers) {
        tokio::task::spawn_blocking(move || workers.join()).await?;
    }
    let _queued = audit
        .append(vec![event("stop", "daemon", "the daemon stopped")])
        .await?;
    audit.close().await.context("sealing the audit")?;
    // The last seal, too, if its places answer.
    tokio::task::spawn_blocking(move || anchors.settle(LAST_SEAL)).await?;
    Ok(())
}

/// Tells people elsewhere what waits, and takes their answers.
async fn webhooks(
    settings: &Settings,
    desk: &Arc<Desk>,
    noticed: mpsc::Receiver<Notice>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let approvals = &settings.approvals;
    if approvals.webhooks.is_empty() {
        return Ok(());
    }
    let sender = Sender::new(&approvals.webhooks)?;
    tasks.spawn(sender.clone().run(noticed));
    if let Some(address) = approvals.listen {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("listening on {address} (`approvals.listen`)"))?;
        let (desk, webhooks) = (Arc::clone(desk), approvals.webhooks.clone());
        tasks.spawn(interdict_approvals::listen(listener, desk, webhooks, sender));
    }
    Ok(())
}

/// The grants on record; sessions read a snapshot of them.
async fn open_grants(audit: &Arc<Audit>, shared: &Arc<Shared>) -> anyhow::Result<Store> {
    let shared = Arc::clone(shared);
    let publish = move |snapshot| shared.grants.store(snapshot);
    let opened = Store::open(Arc::clone(audit), publish).await;
    opened.context("reading the grants that are on record")
}

/// Takes new policies, all or none. What is running goes on under the old ones until its next statement.
async fn reload(config: &Path, shared: &Shared, audit: &Audit) {
    let config = config.to_owned();
    let loaded = tokio::task::spawn_blocking(move || Settings::load(&config)).await;
    let records = match loaded.unwrap_or_else(|panic| resume_unwind(panic.into_panic())) {
        Ok((_, policies)) => {
            let policies = Arc::new(policies);
            let mut records = vec![event(
                "reload",
                "daemon",
                "new policies are in force; other settings need a restart",
            )];
            records.extend(policies_in_force(&policies));
            tracing::info!(digest = policies.digest(), "new policies are in force");
            shared.policies.store(policies);
            records
        }
        Err(problems) => {
            for problem in &problems {
                tracing::error!("{problem}");
            }
            let list = problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n");
            vec![event(
                "reload_refused",
                "daemon",
                format!("the policies in force stay: {list}"),
            )]
        }
    };
    if let Err(error) = audit.append(records).await {
        tracing::error!(%error, "the reload is not on the record");
    }
}

fn policies_in_force(policies: &PolicySet) -> Vec<Record> {
    let at = now();
    let loaded = policies.sources().map(|source| {
        Record::PolicyLoaded(Box::new(PolicyLoaded {
            at,
            name: source.name.to_owned(),
            digest: source.digest.to_owned(),
            source: source.text.to_owned(),
        }))
    });
    loaded.collect()
}

/// Two sockets a session: the usual soft limit of 1024 descriptors would be met by 500 agents.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
