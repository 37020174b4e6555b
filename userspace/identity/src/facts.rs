//! What is known before anything is looked up.

use std::net::IpAddr;

/// What vouches for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Facts {
    /// The connect hook saw the task that connected.
    Kernel(Caller),
    /// An explicit listener accepted a connection: only its peer address is known.
    Address(IpAddr),
}

/// The connecting task as the kernel reported it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Process id as user space knows it (the thread group's).
    pub tgid: u32,
    /// Thread id.
    pub pid: u32,
    /// Start of the process (the thread group's leader) or of the thread, in nanoseconds since boot, suspend included
    /// (`task_struct.start_boottime`). 0: unknown, and then process ids are trusted as they are.
    pub start_boot_ns: u64,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Real group id in the initial user namespace.
    pub gid: u32,
    /// The task's name, at most 15 bytes; the task itself can change it.
    pub comm: String,
    /// The cgroup's id in the version 2 hierarchy. 0: unknown.
    pub cgroup_id: u64,
    /// The cgroup's path from the root of the version 2 hierarchy, where it is known. Otherwise `/proc` is asked.
    pub cgroup_path: Option<String>,
    /// The `workloads` entry that enrolled the caller.
    pub workload: Option<String>,
}
