//! The kernel's side of interdict, as the daemon handles it: load, attach, pin, adopt, protect, and look.
//!
//! [`Kernel::attach`] puts the programs at the cgroup2 root and pins them, or takes over those that an earlier daemon
//! left. From then on the kernel decides alone, by four tables that this crate fills: which cgroups are in scope
//! ([`Kernel::scope`]), which destinations are protected ([`Kernel::protect`]), where each network namespace's listener
//! is ([`Kernel::publish_listener`]), and the mode. For every connection that it redirects it leaves a [`Flow`], which the
//! proxy takes after accept ([`FlowLookup`]).
//!
//! Nothing is undone when the daemon ends or dies: protected destinations are then refused, because nobody listens.
//! Only [`detach`] removes the programs. [`doctor`] tells what a kernel offers and what is attached, from the kernel's
//! own answers.

mod cgroup;
mod counters;
mod doctor;
mod error;
mod events;
mod existing;
mod flow;
mod harden;
mod heart;
mod hooks;
mod kernel;
mod layout;
mod ledger;
mod lineage;
#[cfg(feature = "log")]
mod log;
mod netns;
mod object;
mod offsets;
mod pins;
mod protect;
mod quarantine;
mod scope;
mod sys;
mod verify;

pub use cgroup::{CgroupRoot, enter_host_cgroup_namespace};
pub use counters::{Counter, Counters};
pub use doctor::{Attached, Coverage, Gap, Probe, Report, Shortfall, coverage, doctor};
pub use error::KernelError;
pub use events::{Event, Events};
pub use existing::{Candidates, Connection, Connections, Cut, Found, Holder, Tables, Transport};
pub use flow::{Flow, FlowLookup, Flows, MemoryFlows};
pub use harden::{Hardening, State as HardeningState, UnixSocket};
pub use hooks::ORDER as REQUIRED_HOOKS;
pub use interdict_abi::{Hook, SCHEMA, Verdict};
pub use kernel::{Kernel, Mode, Settings};
pub use ledger::LedgerRow;
pub use lineage::{Ancestor, Lineages};
pub use netns::{LISTENER_PORTS, Listeners, Namespace, Process};
pub use object::{OBJECT, is_built};
pub use pins::{DEFAULT_PIN_ROOT, detach};
pub use protect::Destination;
pub use quarantine::Quarantined;
pub use scope::{Enrolled, Judge, Judged, Member, Workload};
pub use sys::netns_cookie;

/// A number for a name that is the same after a restart: 32-bit FNV-1a. Services and workloads are known to the kernel
/// by such numbers, so that what an earlier daemon left in the tables still means the same.
///
/// Two names may share a number (one pair in four thousand million): [`Kernel::scope`] refuses such workloads, and
/// whoever numbers services must refuse such services.
#[must_use]
pub fn stable_id(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn stable_ids_are_fnv_1a() {
        assert_eq!(super::stable_id(""), 0x811c_9dc5);
        assert_eq!(super::stable_id("a"), 0xe40c_292c);
        assert_eq!(super::stable_id("foobar"), 0xbf9c_f968);
    }
}
