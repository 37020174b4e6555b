//! The maps: names, kinds, sizes.

use crate::{COUNTERS, Config, Flow, Protect, ProtectKey, Proxy, Scope, TupleKey};

/// Map names, which are also their pins' file names.
pub mod name {
    /// One [`Config`](crate::Config).
    pub const CONFIG: &str = "CONFIG";
    /// Cgroup id to [`Scope`](crate::Scope).
    pub const SCOPE: &str = "SCOPE";
    /// [`ProtectKey`](crate::ProtectKey) prefixes to [`Protect`](crate::Protect).
    pub const PROTECT: &str = "PROTECT";
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
}

/// How many entries each map holds.
pub mod entries {
    /// Scoped cgroups.
    pub const SCOPE: usize = 16_384;
    /// Protected prefixes.
    pub const PROTECT: usize = 65_536;
    /// Network namespaces with listeners.
    pub const PROXY: usize = 4_096;
    /// Redirected sockets that are open. The oldest give way; they lose getpeername's answer, nothing else.
    pub const FLOW: usize = 65_536;
    /// Connections not yet accepted. The oldest give way and are refused at accept.
    pub const TUPLE: usize = 65_536;
    /// Bytes of the event ring.
    pub const EVENTS: usize = 1 << 20;
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
pub const MAPS: [MapSpec; 8] = [
    spec::<u32, Config>(name::CONFIG, MapKind::Array, 1),
    spec::<u64, Scope>(name::SCOPE, MapKind::Hash, entries::SCOPE),
    spec::<(u32, ProtectKey), Protect>(name::PROTECT, MapKind::LpmTrie, entries::PROTECT),
    spec::<u64, Proxy>(name::PROXY, MapKind::Hash, entries::PROXY),
    spec::<u64, Flow>(name::FLOW, MapKind::LruHash, entries::FLOW),
    spec::<TupleKey, Flow>(name::TUPLE, MapKind::LruHash, entries::TUPLE),
    spec::<(), ()>(name::EVENTS, MapKind::RingBuf, entries::EVENTS),
    spec::<u32, u64>(name::STATS, MapKind::PerCpuArray, COUNTERS),
];
