//! What is remembered of a redirected connection.

use crate::Address;

/// A connection that a scoped task asked for, and who asked (maps `FLOW`, by socket cookie, and `TUPLE`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Cookie of the socket's network namespace.
    pub netns_cookie: u64,
    /// Id (inode) of the calling task's cgroup.
    pub cgroup_id: u64,
    /// Cookie of the socket.
    pub socket_cookie: u64,
    /// When `connect` was called: nanoseconds since boot, suspend included.
    pub boot_ns: u64,
    /// When the calling process started: nanoseconds since boot, suspend included; 0 when the kernel's layout is
    /// unknown. In clock ticks this is field 22 of `/proc/PID/stat`.
    pub process_start_ns: u64,
    /// Process id in the initial pid namespace.
    pub tgid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Real group id in the initial user namespace.
    pub gid: u32,
    /// The address that the caller asked for (unspecified addresses as what they reach).
    pub address: Address,
    /// The port that the caller asked for, host byte order.
    pub port: u16,
    /// The listener's port that it was sent to, host byte order; 0 if it was not.
    pub proxy_port: u16,
    /// [`AF_INET`](crate::AF_INET) for IPv4 and v4-mapped, else [`AF_INET6`](crate::AF_INET6).
    pub family: u16,
    /// Zero.
    pub reserved: u16,
    /// From [`Protect::service`](crate::Protect::service).
    pub service: u32,
    /// From [`Scope::workload`](crate::Scope::workload).
    pub workload: u32,
    /// The calling thread's name, padded with NUL.
    pub comm: [u8; 16],
}

/// How the daemon finds the flow of a socket that it accepted (map `TUPLE`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TupleKey {
    /// Cookie of the namespace in which both ends are.
    pub netns_cookie: u64,
    /// The client's address.
    pub address: Address,
    /// The client's port, host byte order.
    pub port: u16,
    /// The listener's port, host byte order.
    pub proxy_port: u16,
    /// Zero.
    pub reserved: u32,
}

/// A decision told to the daemon at once (ring buffer `EVENTS`): every refusal, what observation saw, what failed open, and
/// namespaces that have no listener.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// A [`Verdict`](crate::Verdict).
    pub verdict: u32,
    /// A [`Hook`](crate::Hook).
    pub hook: u32,
    /// IP protocol number of the socket. Hooks that have none: the address family (`lsm_socket_create`), the socket's type
    /// (Unix sockets), the signal, ptrace mode or bpf() command, else 0.
    pub protocol: u32,
    /// Zero.
    pub reserved: u32,
    /// The connection.
    pub flow: Flow,
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<Flow>() == 104 && align_of::<Flow>() == 8);
    assert!(offset_of!(Flow, tgid) == 40);
    assert!(offset_of!(Flow, address) == 56);
    assert!(offset_of!(Flow, port) == 72);
    assert!(offset_of!(Flow, service) == 80);
    assert!(offset_of!(Flow, comm) == 88);
    assert!(size_of::<TupleKey>() == 32);
    assert!(offset_of!(TupleKey, port) == 24);
    assert!(size_of::<Event>() == 120);
    assert!(offset_of!(Event, flow) == 16);
};
