//! The maps, as `interdict_abi::MAPS` lists them. The loader compares the two.

use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, PerCpuHashMap, RingBuf};
use aya_ebpf::macros::btf_map;
use interdict_abi::{
    COUNTERS, Config, ExecutableKey, Flow, LedgerCounts, LedgerKey, Lineage, LineageKey, Protect, ProtectKey,
    Proxy, Scope, TupleKey, UnixKey, entries,
};

#[btf_map]
pub(crate) static CONFIG: Array<Config, 1> = Array::new();

#[btf_map]
pub(crate) static SCOPE: HashMap<u64, Scope, { entries::SCOPE }> = HashMap::new();

#[btf_map]
pub(crate) static USER: HashMap<u32, Scope, { entries::USER }> = HashMap::new();

#[btf_map]
pub(crate) static EXECUTABLE: HashMap<ExecutableKey, Scope, { entries::EXECUTABLE }> = HashMap::new();

#[btf_map]
pub(crate) static PROTECT: LpmTrie<ProtectKey, Protect, { entries::PROTECT }> = LpmTrie::new();

#[btf_map]
pub(crate) static PORTS: Array<u64, { entries::PORTS }> = Array::new();

#[btf_map]
pub(crate) static PROXY: HashMap<u64, Proxy, { entries::PROXY }> = HashMap::new();

#[btf_map]
pub(crate) static HEART: Array<u64, 1> = Array::new();

#[btf_map]
pub(crate) static QUARANTINE: HashMap<u32, u64, { entries::QUARANTINE }> = HashMap::new();

#[btf_map]
pub(crate) static KEPT: HashMap<u64, u64, { entries::KEPT }> = HashMap::new();

#[btf_map]
pub(crate) static FLOW: LruHashMap<u64, Flow, { entries::FLOW }> = LruHashMap::new();

#[btf_map]
pub(crate) static TUPLE: LruHashMap<TupleKey, Flow, { entries::TUPLE }> = LruHashMap::new();

#[btf_map]
pub(crate) static TOLD: LruHashMap<u64, u64, { entries::TOLD }> = LruHashMap::new();

#[btf_map]
pub(crate) static LINEAGE: LruHashMap<LineageKey, Lineage, { entries::LINEAGE }> = LruHashMap::new();

#[btf_map]
pub(crate) static UNIX: HashMap<UnixKey, Protect, { entries::UNIX }> = HashMap::new();

#[btf_map]
pub(crate) static LEDGER: PerCpuHashMap<LedgerKey, LedgerCounts, { entries::LEDGER }> = PerCpuHashMap::new();

// Untyped: libbpf refuses an object whose ring buffer names a value type.
#[btf_map]
pub(crate) static EVENTS: RingBuf<(), { entries::EVENTS }> = RingBuf::new();

#[btf_map]
pub(crate) static STATS: PerCpuArray<u64, { COUNTERS }> = PerCpuArray::new();
