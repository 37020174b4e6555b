//! Capabilities, which are each thread's own and handed down to the threads that it starts.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

use crate::settings::{KernelMode, Settings};

/// Ports below it are for the privileged (`net.ipv4.ip_unprivileged_port_start`, as the kernel sets it).
const UNPRIVILEGED: u16 = 1024;

/// What the daemon needs for as long as it runs.
pub(super) fn needed(settings: &Settings) -> CapsHashSet {
    // Settings, policies and certificates may be their owner's alone; so may the executables that are hashed.
    let mut needed = CapsHashSet::from([Capability::CAP_DAC_READ_SEARCH]);
    if settings.kernel.mode != KernelMode::Off {
        needed.extend([
            // Programs and maps; also to put them back if they are gone.
            Capability::CAP_BPF,
            Capability::CAP_PERFMON,
            // Attaching to cgroups, hearing of processes, cutting connections.
            Capability::CAP_NET_ADMIN,
            // Entering the network namespaces of pods; eBPF before Linux 5.8.
            Capability::CAP_SYS_ADMIN,
            // What /proc tells of callers.
            Capability::CAP_SYS_PTRACE,
        ]);
    }
    if settings.admin.group.is_some() {
        // The admin socket becomes another group's; a daemon that is a member of it needs nothing.
        needed.insert(Capability::CAP_CHOWN);
    }
    let services = settings.services.iter().filter_map(|service| service.listen);
    let mut listeners = services.chain(settings.approvals.listen);
    if listeners.any(|address| address.port() < UNPRIVILEGED) {
        needed.insert(Capability::CAP_NET_BIND_SERVICE);
    }
    needed
}

/// Drops all others. What the process does not have is no error.
pub(super) fn keep(needed: &CapsHashSet) -> io::Result<()> {
    let held = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    // The bounding set first, as that takes one of those that go. Without it nothing is lost: programs that the daemon
    // starts get no more than it has, by no_new_privs.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(io::Error::other)? {
        for other in caps::runtime::thread_all_supported().difference(needed) {
            caps::drop(None, CapSet::Bounding, *other).map_err(io::Error::other)?;
        }
    }
    let kept = held.intersection(needed).copied().collect();
    drop_inherited()?;
    caps::set(None, CapSet::Effective, &kept).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(io::Error::other)
}

/// Drops every capability of the calling thread.
pub(super) fn drop_all() -> io::Result<()> {
    drop_inherited()?;
    caps::clear(None, CapSet::Permitted).map_err(io::Error::other)
}

/// What a program would get that is started.
fn drop_inherited() -> io::Result<()> {
    if caps::runtime::ambient_set_supported().is_ok() {
        caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
    }
    caps::clear(None, CapSet::Inheritable).map_err(io::Error::other)
}
