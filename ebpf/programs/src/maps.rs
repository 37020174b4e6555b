//! The maps, as `interdict_abi::MAPS` lists them. The loader compares the two.

use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, RingBuf};
use aya_ebpf::macros::btf_map;
use interdict_abi::{COUNTERS, Config, Flow, Protect, ProtectKey, Proxy, Scope, TupleKey, entries};

#[btf_map]
pub(crate) static CONFIG: Array<Config, 1> = Array::new();

#[btf_map]
pub(crate) static SCOPE: HashMap<u64, Scope, { entries::SCOPE }> = HashMap::new();

#[btf_map]
pub(crate) static PROTECT: LpmTrie<ProtectKey, Protect, { entries::PROTECT }> = LpmTrie::new();

#[btf_map]
pub(crate) static PROXY: HashMap<u64, Proxy, { entries::PROXY }> = HashMap::new();

#[btf_map]
pub(crate) static FLOW: LruHashMap<u64, Flow, { entries::FLOW }> = LruHashMap::new();

#[btf_map]
pub(crate) static TUPLE: LruHashMap<TupleKey, Flow, { entries::TUPLE }> = LruHashMap::new();

// Untyped: libbpf refuses an object whose ring buffer names a value type.
#[btf_map]
pub(crate) static EVENTS: RingBuf<(), { entries::EVENTS }> = RingBuf::new();

#[btf_map]
pub(crate) static STATS: PerCpuArray<u64, { COUNTERS }> = PerCpuArray::new();
