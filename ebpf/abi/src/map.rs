//! The maps: names, kinds, sizes.

use crate::{
    COUNTERS, Config, ExecutableKey, Flow, LedgerCounts, LedgerKey, Lineage, LineageKey, Protect, ProtectKey,
    Proxy, Scope, TupleKey, UnixKey,
};

/// Map names, which are also their pins' file names.
pub mod name {
    /// One [`Config`](crate::Config).
    pub const CONFIG: &str = "CONFIG";
    /// Cgroup id to [`Scope`](crate::Scope).
    pub const SCOPE: &str = "SCOPE";
    /// [`ProtectKey`](crate::ProtectKey) prefixes to [`Protect`](crate::Protect).
    pub const PROTECT: &str = "PROTECT";
    /// A bit for each port that is protected anywhere: 64 to a word, the lowest first.
    pub const PORTS: &str = "PORTS";
    /// Netns cookie to [`Proxy`](crate::Proxy).
    pub const PROXY: &str = "PROXY";
    /// Socket cookie to [`Flow`](crate::Flow).
    pub const FLOW: &str = "FLOW";
    /// [`TupleKey`](crate::TupleKey) to [`Flow`](crate::Flow).
    pub const TUPLE: &str = "TUPLE";
    /// [`Event`](crate::Event)s.
    pub const EVENTS: &str = "EVENTS";
    /// Counts by [`counter`](crate::counter()).
    pub const STATS: &str = "STATS";
    /// Uid to [`Scope`](crate::Scope).
    pub const USER: &str = "USER";
    /// [`ExecutableKey`](crate::ExecutableKey) to [`Scope`](crate::Scope).
    pub const EXECUTABLE: &str = "EXECUTABLE";
    /// When a daemon last said that it lives: nanoseconds of the monotonic clock.
    pub const HEART: &str = "HEART";
    /// Workload number to the time of its quarantine: nanoseconds of the monotonic clock.
    pub const QUARANTINE: &str = "QUARANTINE";
    /// Cookies of sockets from before enrolment that may go on.
    pub const KEPT: &str = "KEPT";
    /// [`LedgerKey`](crate::LedgerKey) to [`LedgerCounts`](crate::LedgerCounts).
    pub const LEDGER: &str = "LEDGER";
    /// What has been told once: a [`told`](crate::told) key.
    pub const TOLD: &str = "TOLD";
    /// [`UnixKey`](crate::UnixKey) to [`Protect`](crate::Protect).
    pub const UNIX: &str = "UNIX";
    /// [`LineageKey`](crate::LineageKey) to [`Lineage`](crate::Lineage).
    pub const LINEAGE: &str = "LINEAGE";
}

/// How many entries each map holds.
pub mod entries {
    /// Scoped cgroups.
    pub const SCOPE: usize = 16_384;
    /// Protected prefixes: two for each destination.
    pub const PROTECT: usize = 131_072;
    /// Words of a bit for each port.
    pub const PORTS: usize = 1_024;
    /// Network namespaces with listeners.
    pub const PROXY: usize = 4_096;
    /// Redirected sockets that are open. The oldest give way; they lose getpeername's answer, nothing else.
    pub const FLOW: usize = 65_536;
    /// Connections not yet accepted. The oldest give way and are refused at accept.
    pub const TUPLE: usize = 65_536;
    /// Enrolled users.
    pub const USER: usize = 4_096;
    /// Enrolled executables.
    pub const EXECUTABLE: usize = 16_384;
    /// Workloads in quarantine.
    pub const QUARANTINE: usize = 1_024;
    /// Sockets that may go on. One that finds no room is starved.
    pub const KEPT: usize = 16_384;
    /// Pairs of workload and service. A pair that finds no room is not counted, and the ledger then tells a difference.
    pub const LEDGER: usize = 8_192;
    /// What has been told once. The oldest give way and are told again.
    pub const TOLD: usize = 16_384;
    /// What protected Unix sockets are recognised by.
    pub const UNIX: usize = 4_096;
    /// Scoped processes, living and ended. The oldest give way.
    pub const LINEAGE: usize = 16_384;
    /// Bytes of the event ring.
    pub const EVENTS: usize = 1 << 20;
}

/// Keys of the map `TOLD`: what is told, in the upper byte, and of what.
pub mod told {
    /// A network namespace without a listener, by its cookie.
    pub const NAMESPACE: u64 = 1 << 56;
    /// A socket whose packets are dropped, by its cookie.
    pub const SOCKET: u64 = 2 << 56;
}

/// A map's kind, as far as a pinned map is compared with what the programs were built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `BPF_MAP_TYPE_ARRAY`.
    Array,
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`.
    PerCpuArray,
    /// `BPF_MAP_TYPE_HASH`.
    Hash,
    /// `BPF_MAP_TYPE_PERCPU_HASH`.
    PerCpuHash,
    /// `BPF_MAP_TYPE_LRU_HASH`.
    LruHash,
    /// `BPF_MAP_TYPE_LPM_TRIE`.
    LpmTrie,
    /// `BPF_MAP_TYPE_RINGBUF`.
    RingBuf,
}

/// What a map must be like, in the kernel's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapSpec {
    /// Name in the object and of the pin.
    pub name: &'static str,
    /// Kind.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key: u32,
    /// Bytes of a value.
    pub value: u32,
    /// Entries (bytes for a ring buffer).
    pub entries: u32,
}

const fn spec<K, V>(name: &'static str, kind: MapKind, entries: usize) -> MapSpec {
    MapSpec {
        name,
        kind,
        key: size_of::<K>() as u32,
        value: size_of::<V>() as u32,
        entries: entries as u32,
    }
}

/// Every pinned map.
pub const MAPS: [MapSpec; 18] = [
    spec::<u32, Config>(name::CONFIG, MapKind::Array, 1),
    spec::<u64, Scope>(name::SCOPE, MapKind::Hash, entries::SCOPE),
    spec::<(u32, ProtectKey), Protect>(name::PROTECT, MapKind::LpmTrie, entries::PROTECT),
    spec::<u32, u64>(name::PORTS, MapKind::Array, entries::PORTS),
    spec::<u64, Proxy>(name::PROXY, MapKind::Hash, entries::PROXY),
    spec::<u64, Flow>(name::FLOW, MapKind::LruHash, entries::FLOW),
    spec::<TupleKey, Flow>(name::TUPLE, MapKind::LruHash, entries::TUPLE),
    spec::<(), ()>(name::EVENTS, MapKind::RingBuf, entries::EVENTS),
    spec::<u32, u64>(name::STATS, MapKind::PerCpuArray, COUNTERS),
    spec::<u32, Scope>(name::USER, MapKind::Hash, entries::USER),
    spec::<ExecutableKey, Scope>(name::EXECUTABLE, MapKind::Hash, entries::EXECUTABLE),
    spec::<u32, u64>(name::HEART, MapKind::Array, 1),
    spec::<u32, u64>(name::QUARANTINE, MapKind::Hash, entries::QUARANTINE),
    spec::<u64, u64>(name::KEPT, MapKind::Hash, entries::KEPT),
    spec::<LedgerKey, LedgerCounts>(name::LEDGER, MapKind::PerCpuHash, entries::LEDGER),
    spec::<u64, u64>(name::TOLD, MapKind::LruHash, entries::TOLD),
    spec::<UnixKey, Protect>(name::UNIX, MapKind::Hash, entries::UNIX),
    spec::<LineageKey, Lineage>(name::LINEAGE, MapKind::LruHash, entries::LINEAGE),
];
