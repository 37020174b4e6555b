//! What the eBPF programs and the daemon share: map names, their layouts, and the words written into them.
//!
//! Both sides are built from this file, and every layout is asserted at compile time on both, so that a change that
//! one side missed can't be loaded. A change to any size, field or meaning here needs a new [`SCHEMA`].
#![no_std]

mod address;
mod counter;
mod flow;
mod map;
#[cfg(feature = "user")]
mod pod;
#[cfg(test)]
mod tests;

pub use address::{AF_INET, AF_INET6, Address};
pub use counter::{COUNTERS, Hook, VERDICTS, Verdict, counter};
pub use flow::{Event, Flow, TupleKey};
pub use map::{MAPS, MapKind, MapSpec, entries, name};

/// The layout's version. Pins live in a directory named after it, so two versions never share a map.
pub const SCHEMA: u32 = 1;

/// How many levels below the cgroup2 root the scope is looked for among a task's ancestors. A scoped cgroup that lies
/// deeper is found only as the task's own.
pub const SCOPE_LEVELS: u32 = 16;

/// IP protocol numbers that the programs decide upon.
pub mod protocol {
    /// TCP.
    pub const TCP: u32 = 6;
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

/// Settings that the programs read at every decision (map `CONFIG`, one entry).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// [`SCHEMA`] of the daemon that wrote it.
    pub schema: u32,
    /// One of [`mode`].
    pub mode: u32,
    /// Offset in bytes of `task_struct.group_leader` in the running kernel; 0: unknown.
    pub group_leader: u32,
    /// Offset in bytes of `task_struct.start_boottime` in the running kernel; 0: unknown.
    pub start_boottime: u32,
}

/// What a scoped cgroup belongs to (map `SCOPE`, by cgroup id).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The workload's number, chosen by the daemon.
    pub workload: u32,
    /// None defined yet.
    pub flags: u32,
}

/// What a protected destination is looked up by (map `PROTECT`, longest prefix). The first [`ProtectKey::FIXED`] bits
/// always count; a prefix of the address follows. The transport is not part of the key: a protected destination is
/// protected for all of them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtectKey {
    /// Port, network byte order.
    pub port: [u8; 2],
    /// Zero.
    pub reserved: [u8; 2],
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
            port: port.to_be_bytes(),
            reserved: [0; 2],
            address,
        }
    }
}

/// A protected destination's facts (map `PROTECT`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protect {
    /// The service's number, chosen by the daemon.
    pub service: u32,
    /// None defined yet.
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
    assert!(size_of::<Config>() == 16);
    assert!(size_of::<Scope>() == 8);
    assert!(size_of::<ProtectKey>() == 20 && align_of::<ProtectKey>() == 4);
    assert!(core::mem::offset_of!(ProtectKey, address) * 8 == ProtectKey::FIXED as usize);
    assert!(size_of::<Protect>() == 8);
    assert!(size_of::<Proxy>() == 8);
};
