//! What the eBPF programs and the daemon share: map names, their layouts, and the words written into them.
//!
//! Both sides are built from this file, and every layout is asserted at compile time on both, so that a change that
//! one side missed can't be loaded. A change to any size, field or meaning here needs a new [`SCHEMA`].
#![no_std]

mod address;
mod counter;
mod flow;
mod ledger;
mod lineage;
mod map;
mod offsets;
#[cfg(feature = "user")]
mod pod;
#[cfg(test)]
mod tests;
mod unix;

pub use address::{AF_INET, AF_INET6, Address};
pub use counter::{COUNTERS, HOOKS, Hook, VERDICTS, Verdict, counter};
pub use flow::{Event, Flow, TupleKey};
pub use ledger::{LedgerCounts, LedgerKey};
pub use lineage::{Lineage, LineageKey, TICK_NS};
pub use map::{MAPS, MapKind, MapSpec, entries, name, told};
pub use offsets::Offsets;
pub use unix::{UnixKey, unix_kind};

/// The layout's version. Pins live in a directory named after it, so two versions never share a map.
pub const SCHEMA: u32 = 3;

/// How many levels below the cgroup2 root the scope is looked for among a task's ancestors. A scoped cgroup that lies
/// deeper is found only as the task's own.
pub const SCOPE_LEVELS: u32 = 16;

/// How many generations of parents are asked for an enrolled executable.
pub const ANCESTORS: u32 = 16;

/// IP protocol numbers that the programs decide upon.
pub mod protocol {
    /// ICMP, as of ping sockets.
    pub const ICMP: u32 = 1;
    /// TCP.
    pub const TCP: u32 = 6;
    /// UDP.
    pub const UDP: u32 = 17;
    /// DCCP.
    pub const DCCP: u32 = 33;
    /// ICMPv6, as of ping sockets.
    pub const ICMPV6: u32 = 58;
    /// SCTP.
    pub const SCTP: u32 = 132;
    /// UDP-Lite.
    pub const UDPLITE: u32 = 136;
    /// Multipath TCP, which falls back to TCP when the listener does not speak it.
    pub const MPTCP: u32 = 262;
}

/// What [`Config::mode`] may hold. Anything else means [`mode::ENFORCE`]: a map of zeros enforces.
pub mod mode {
    /// Redirect or refuse.
    pub const ENFORCE: u32 = 0;
    /// Report what would have been redirected or refused, and leave it alone.
    pub const OBSERVE: u32 = 1;
}

/// What [`Config::flags`] is made of.
pub mod config_flag {
    /// The table `USER` has entries.
    pub const USERS: u32 = 1;
    /// The table `EXECUTABLE` has entries.
    pub const EXECUTABLES: u32 = 2;
}

/// Settings that the programs read at every decision (map `CONFIG`, one entry).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// [`SCHEMA`] of the daemon that wrote it.
    pub schema: u32,
    /// One of [`mode`].
    pub mode: u32,
    /// Of [`config_flag`].
    pub flags: u32,
    /// The daemon's process, in the initial pid namespace; 0: none known. Only the security module hooks ask.
    pub daemon: u32,
    /// How old the heartbeat (map `HEART`) may be, in nanoseconds, before connects are refused; 0: never asked.
    pub heartbeat_ns: u64,
    /// How the running kernel lays out what is read of its memory.
    pub offsets: Offsets,
}

/// What [`Scope::flags`] is made of.
pub mod scope_flag {
    /// To whom this belongs is not known yet (a pod whose labels have not arrived): protected destinations are refused.
    pub const PENDING: u32 = 1;
}

/// Whom a scoped task belongs to (maps `SCOPE` by cgroup id, `USER` by uid, `EXECUTABLE` by [`ExecutableKey`]).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The workload's number, chosen by the daemon.
    pub workload: u32,
    /// Of [`scope_flag`].
    pub flags: u32,
}

/// A file that is run (map `EXECUTABLE`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutableKey {
    /// Inode.
    pub inode: u64,
    /// The file system's device as the kernel keeps it: major number times 2^20, plus the minor number.
    pub device: u32,
    /// Zero.
    pub reserved: u32,
}

/// What a protected destination is looked up by (map `PROTECT`, longest prefix). The first [`ProtectKey::FIXED`] bits
/// always count; a prefix of the address follows. The transport is not part of the key: a protected destination is
/// protected for all of them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtectKey {
    /// The port, and whether any port is meant, in network byte order: see [`ProtectKey::new`] and [`ProtectKey::any_port`].
    /// One word, because the compiler clears smaller fields by a call that the verifier refuses.
    pub head: u32,
    /// The address; IPv4 as v4-mapped.
    pub address: Address,
}

impl ProtectKey {
    /// Bits before the address.
    pub const FIXED: u32 = 32;

    /// The key of one address and port (host byte order).
    #[must_use]
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the verifier follows no calls here")]
    pub const fn new(address: Address, port: u16) -> Self {
        Self {
            head: ((port as u32) << 16).to_be(),
            address,
        }
    }

    /// The key of an address of which any port is protected: what has no port to read (fragments after the first) is looked
    /// up so.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the verifier follows no calls here")]
    pub const fn any_port(address: Address) -> Self {
        Self {
            head: 0x100u32.to_be(),
            address,
        }
    }
}

/// What [`Protect::flags`] is made of.
pub mod protect_flag {
    /// While no daemon is alive (by its heartbeat) connects go to the destination itself.
    pub const FAIL_OPEN: u32 = 1;
}

/// A protected destination's facts (map `PROTECT`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protect {
    /// The service's number, chosen by the daemon.
    pub service: u32,
    /// Of [`protect_flag`].
    pub flags: u32,
}

/// Where a network namespace's listeners are (map `PROXY`, by netns cookie). A port of 0: no such listener.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    /// Port on 127.0.0.1, host byte order.
    pub v4: u16,
    /// Port on ::1, host byte order.
    pub v6: u16,
    /// None defined yet.
    pub flags: u32,
}

const _: () = {
    assert!(size_of::<Config>() == 24 + size_of::<Offsets>());
    assert!(size_of::<ExecutableKey>() == 16);
    assert!(size_of::<Scope>() == 8);
    assert!(size_of::<ProtectKey>() == 20 && align_of::<ProtectKey>() == 4);
    assert!(core::mem::offset_of!(ProtectKey, address) * 8 == ProtectKey::FIXED as usize);
    assert!(size_of::<Protect>() == 8);
    assert!(size_of::<Proxy>() == 8);
};
