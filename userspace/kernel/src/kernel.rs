//! The daemon's handle on the programs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aya::maps::{Array, HashMap, Map, MapData, PerCpuArray, PerCpuHashMap, RingBuf};
use aya::{Ebpf, EbpfLoader, Pod};
use interdict_abi::{
    COUNTERS, Config, Hook, LedgerCounts, LedgerKey, MAPS, Proxy, SCHEMA, Scope, config_flag, mode, name,
};

use crate::doctor::{Coverage, coverage};
use crate::harden::{self, Hardening, UnixSockets};
use crate::object::object;
use crate::pins::{self, DEFAULT_PIN_ROOT, Pins};
use crate::protect::Protected;
use crate::scope::{self, Follower, ScopeMap};
use crate::{
    CgroupRoot, Counters, Destination, Events, Flow, FlowLookup as _, Flows, KernelError, Workload, heart,
    hooks, layout, offsets, protect,
};

/// What the programs do with a scoped task's connect to a protected destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Redirect or refuse it.
    #[default]
    Enforce,
    /// Count and report it, and leave it alone.
    Observe,
}

/// How to attach.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Directory on bpffs for the pins; made if missing.
    pub pin_root: PathBuf,
    /// Mode from now on.
    pub mode: Mode,
    /// How long after the last [`Kernel::beat`] connects to protected destinations are refused; `None`: never.
    pub heartbeat: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pin_root: PathBuf::from(DEFAULT_PIN_ROOT),
            mode: Mode::default(),
            heartbeat: None,
        }
    }
}

/// The attached programs. Dropping it detaches nothing: see [`detach`](crate::detach).
///
/// Every method may be called from any thread. [`Kernel::take_flow`] takes no lock; the others are for set-up and reload.
pub struct Kernel {
    pub(crate) root: CgroupRoot,
    config: Mutex<(Config, Array<MapData, Config>)>,
    protect: Mutex<Protected>,
    proxy: Mutex<HashMap<MapData, u64, Proxy>>,
    scope: ScopeMap,
    pub(crate) follower: Mutex<Option<Follower>>,
    flows: Flows,
    stats: PerCpuArray<MapData, u64>,
    pub(crate) heart: Mutex<Array<MapData, u64>>,
    pub(crate) quarantine: Mutex<HashMap<MapData, u32, u64>>,
    pub(crate) kept: Mutex<HashMap<MapData, u64, u64>>,
    pub(crate) ledger: PerCpuHashMap<MapData, LedgerKey, LedgerCounts>,
    events: PathBuf,
    adopted: bool,
    programs: Mutex<BTreeMap<Hook, u32>>,
    hardening: Vec<Hardening>,
    pub(crate) unix: UnixSockets,
    pins: Pins,
}

impl Kernel {
    /// Attaches the programs to the cgroup2 root and pins them, or takes over what an earlier daemon pinned, without a
    /// moment in which they are not in force. What that daemon protected and enrolled stays so until
    /// [`Kernel::protect`] and [`Kernel::scope`] say otherwise.
    ///
    /// # Errors
    /// No object in this build, no permission, no cgroup2 root, pins of another layout or in use, a refused program, or
    /// the daemon's own cgroup is enrolled. Nothing is protected newly in any of these cases, and what was protected
    /// stays so.
    pub fn attach(settings: &Settings) -> Result<Self, KernelError> {
        libbpf_rs::set_print(None);
        let object = object()?;
        raise_memlock();
        crate::sys::bpf_allowed().map_err(|source| KernelError::NotPermitted {
            what: "bpf()".to_owned(),
            source: Some(source),
        })?;
        // Without it no namespace's listener could be told from another's.
        let probe =
            std::net::UdpSocket::bind("127.0.0.1:0").map_err(KernelError::io("binding to", "127.0.0.1"))?;
        if crate::sys::netns_cookie(probe).is_err_and(|error| error.raw_os_error() == Some(libc::ENOPROTOOPT))
        {
            return Err(KernelError::NoNetnsCookie);
        }
        let root = CgroupRoot::find()?;
        let pins = Pins::open(&settings.pin_root)?;
        let mut ebpf = load(object, &pins)?;

        let scope: HashMap<_, u64, Scope> = map(&mut ebpf, name::SCOPE)?;
        scope::refuse_own(&root, &scope)?;
        let config = Config {
            schema: SCHEMA,
            mode: number(settings.mode),
            // Which tables have entries is known when they are written: until then both are asked.
            flags: config_flag::USERS | config_flag::EXECUTABLES,
            daemon: std::process::id(),
            heartbeat_ns: settings.heartbeat.map_or(0, |limit| limit.as_nanos() as u64),
            offsets: offsets::of_running_kernel(),
        };
        // A beat before the limit is in force, so that taking over refuses nothing.
        let mut heart: Array<_, u64> = map(&mut ebpf, name::HEART)?;
        heart::beat(&mut heart)?;
        let mut configs: Array<_, Config> = map(&mut ebpf, name::CONFIG)?;
        configs
            .set(0, config, 0)
            .map_err(KernelError::written(name::CONFIG))?;

        let outcome = hooks::attach_all(&mut ebpf, &root, &pins.links)?;
        tracing::info!(
            attached = outcome.attached,
            adopted = outcome.adopted,
            "programs are at the cgroup2 root"
        );
        let hardening = harden::attach(&mut ebpf, &root, &pins.links, &pins.maps, &config.offsets);
        #[cfg(feature = "log")]
        crate::log::follow(&mut ebpf);

        let tuple = ebpf
            .take_map(name::TUPLE)
            .ok_or(KernelError::Missing(name::TUPLE))?;
        let Map::LruHashMap(tuple) = tuple else {
            return Err(KernelError::Missing(name::TUPLE));
        };
        let flows = Flows::new(&tuple).map_err(|error| KernelError::read(name::TUPLE)(error.into()))?;
        Ok(Self {
            root,
            config: Mutex::new((config, configs)),
            protect: Mutex::new(Protected {
                prefixes: map(&mut ebpf, name::PROTECT)?,
                ports: map(&mut ebpf, name::PORTS)?,
            }),
            proxy: Mutex::new(map(&mut ebpf, name::PROXY)?),
            scope: Arc::new(Mutex::new(scope)),
            follower: Mutex::new(None),
            flows,
            stats: map(&mut ebpf, name::STATS)?,
            heart: Mutex::new(heart),
            quarantine: Mutex::new(map(&mut ebpf, name::QUARANTINE)?),
            kept: Mutex::new(map(&mut ebpf, name::KEPT)?),
            ledger: map(&mut ebpf, name::LEDGER)?,
            events: pins.maps.join(name::EVENTS),
            adopted: outcome.adopted > 0 && outcome.attached == 0,
            programs: Mutex::new(outcome.programs),
            hardening,
            unix: UnixSockets::open(&pins.maps)?,
            pins,
        })
    }

    /// Whether programs of an earlier daemon were taken over, so that there was no gap since.
    #[must_use]
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// What came of each optional hook when the programs were attached. See [`coverage`](crate::coverage).
    #[must_use]
    pub fn hardening(&self) -> &[Hardening] {
        &self.hardening
    }

    /// The cgroup2 root.
    #[must_use]
    pub fn cgroup_root(&self) -> &CgroupRoot {
        &self.root
    }

    /// Every known way around, and what closes it now.
    #[must_use]
    pub fn coverage(&self) -> Vec<Coverage> {
        let mut in_force = harden::in_force(&self.pins.links, &self.pins.maps);
        let missing = self.missing_hooks();
        in_force.extend(
            hooks::ORDER
                .into_iter()
                .filter(|hook| !missing.contains(&hook.name())),
        );
        coverage(&in_force)
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.pins
    }

    /// The id of the program that this daemon put into a hook's place.
    pub(crate) fn program_id(&self, hook: Hook) -> Option<u32> {
        lock(&self.programs).get(&hook).copied()
    }

    pub(crate) fn replace_programs(&self, programs: BTreeMap<Hook, u32>) {
        *lock(&self.programs) = programs;
    }

    /// Removes what a daemon of another version pinned. Call it when this one protects and enrols: until then both are in
    /// force, and what the older one would send to its own listener is refused.
    ///
    /// # Errors
    /// Something could not be removed.
    pub fn retire_others(&self) -> Result<(), KernelError> {
        pins::detach_others(&self.pins)
    }

    /// Changes the mode at once.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set_mode(&self, mode: Mode) -> Result<(), KernelError> {
        self.configure(|config| config.mode = number(mode))
    }

    fn configure(&self, change: impl FnOnce(&mut Config)) -> Result<(), KernelError> {
        let mut guard = lock(&self.config);
        let (config, map) = &mut *guard;
        change(config);
        map.set(0, *config, 0).map_err(KernelError::written(name::CONFIG))
    }

    /// Protects exactly these destinations from now on. Those that were protected before and stay are so all the while.
    ///
    /// # Errors
    /// An impossible destination (nothing was changed), or the kernel refused (some may have been added, none removed).
    pub fn protect(&self, destinations: &[Destination]) -> Result<(), KernelError> {
        protect::replace(&mut lock(&self.protect), destinations)
    }

    /// Sends the redirected connections of a network namespace to these ports of its 127.0.0.1 and ::1. `None` (or a
    /// namespace never published): such connections are refused.
    ///
    /// The ports should be outside of `net.ipv4.ip_local_port_range`. Scoped tasks can't bind them by number, but the
    /// kernel could hand one of that range to a task that did not ask for it, while no daemon holds it.
    ///
    /// # Errors
    /// The kernel refused, or the table is full.
    pub fn publish_listener(
        &self,
        netns_cookie: u64,
        v4: Option<u16>,
        v6: Option<u16>,
    ) -> Result<(), KernelError> {
        let proxy = Proxy {
            v4: v4.unwrap_or(0),
            v6: v6.unwrap_or(0),
            flags: 0,
        };
        lock(&self.proxy)
            .insert(netns_cookie, proxy, 0)
            .map_err(KernelError::written(name::PROXY))
    }

    /// Forgets a network namespace's listener: its redirected connections are refused with EPERM.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn withdraw_listener(&self, netns_cookie: u64) -> Result<(), KernelError> {
        match lock(&self.proxy).remove(&netns_cookie) {
            Ok(()) => Ok(()),
            Err(aya::maps::MapError::SyscallError(call))
                if call.io_error.raw_os_error() == Some(libc::ENOENT) =>
            {
                Ok(())
            }
            Err(error) => Err(KernelError::written(name::PROXY)(error)),
        }
    }

    /// Enrols exactly the cgroups of these workloads from now on, and follows those that come and go. See [`Workload`].
    ///
    /// # Errors
    /// A bad pattern, two workloads of one number, or the daemon's own cgroup would be in scope: nothing was changed.
    /// The hierarchy could not be read or the kernel refused: what was enrolled before stays enrolled.
    pub fn scope(&self, workloads: &[Workload]) -> Result<(), KernelError> {
        let mut follower = lock(&self.follower);
        Follower::replace(&mut follower, &self.root, &self.pins.maps, &self.scope, workloads)?;
        let flag = |any: bool, flag: u32| if any { flag } else { 0 };
        let flags = flag(
            workloads.iter().any(|one| !one.users.is_empty()),
            config_flag::USERS,
        ) | flag(
            workloads.iter().any(|one| !one.executables.is_empty()),
            config_flag::EXECUTABLES,
        );
        self.configure(|config| config.flags = flags)
    }

    /// The name of a workload by its number in a [`Flow`]; `None` if [`Kernel::scope`] was last called without it.
    #[must_use]
    pub fn workload(&self, number: u32) -> Option<Arc<str>> {
        lock(&self.follower)
            .as_ref()
            .and_then(|follower| follower.workload(number))
    }

    /// Takes the flow of an accepted socket; see [`FlowLookup`](crate::FlowLookup::take_flow).
    #[must_use]
    pub fn take_flow(
        &self,
        peer: std::net::SocketAddr,
        local: std::net::SocketAddr,
        netns_cookie: u64,
    ) -> Option<Flow> {
        self.flows.take_flow(peer, local, netns_cookie)
    }

    /// The flows alone, for the proxy.
    #[must_use]
    pub fn flows(&self) -> Flows {
        self.flows.clone()
    }

    /// The events from now on. Call it within a tokio runtime, and once: two readers share one queue.
    ///
    /// # Errors
    /// The ring could not be opened.
    pub fn events(&self) -> Result<Events, KernelError> {
        let ring = MapData::from_pin(&self.events).map_err(KernelError::read(name::EVENTS))?;
        let ring = RingBuf::try_from(Map::RingBuf(ring)).map_err(KernelError::read(name::EVENTS))?;
        Events::new(ring).map_err(KernelError::io("listening to", &self.events))
    }

    /// What the programs have counted.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn counters(&self) -> Result<Counters, KernelError> {
        let sums = (0..COUNTERS as u32)
            .map(|index| self.stats.get(&index, 0).map(|values| values.iter().sum()))
            .collect::<Result<_, _>>()
            .map_err(KernelError::read(name::STATS))?;
        Ok(Counters::new(sums))
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Kernel")
            .field("root", &self.root)
            .field("adopted", &self.adopted)
            .finish_non_exhaustive()
    }
}

/// The programs, on the tables that are pinned or are now.
pub(crate) fn load(object: &[u8], pins: &Pins) -> Result<Ebpf, KernelError> {
    layout::check_pinned(&pins.maps)?;
    let paths = MAPS.map(|map| (map.name, pins.maps.join(map.name)));
    let mut loader = EbpfLoader::new();
    for (name, path) in &paths {
        loader.map_pin_path(name, path.as_path());
    }
    let ebpf = loader.load(object).map_err(KernelError::load)?;
    layout::check_pinned(&pins.maps)?;
    Ok(ebpf)
}

/// A map of the loaded object, typed.
fn map<M: TryFrom<Map, Error = aya::maps::MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<M, KernelError> {
    let map = ebpf.take_map(name).ok_or(KernelError::Missing(name))?;
    M::try_from(map).map_err(KernelError::read(name))
}

fn number(mode: Mode) -> u32 {
    match mode {
        Mode::Enforce => mode::ENFORCE,
        Mode::Observe => mode::OBSERVE,
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK, which is 64 KiB by default. Later ones don't care, so a refusal is
/// left to the load to report.
fn raise_memlock() {
    use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
    if let Err(error) = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY) {
        tracing::debug!(%error, "RLIMIT_MEMLOCK stays as it is");
    }
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    fn pod<T: Pod>() {}
    shared::<Kernel>();
    shared::<Flows>();
    pod::<interdict_abi::Flow>();
};
