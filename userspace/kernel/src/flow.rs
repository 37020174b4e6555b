//! A redirected connection, as the proxy gets to know it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use interdict_abi::TupleKey;

use crate::sys;

/// Who asked for which destination. Process and user ids are the kernel's own (initial namespaces).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The destination that the caller asked for; IPv4 also where it was named in v4-mapped form.
    pub destination: SocketAddr,
    /// The number of the protected service, as [`Kernel::protect`](crate::Kernel::protect) was told.
    pub service: u32,
    /// The number of the workload: [`stable_id`](crate::stable_id) of its name.
    pub workload: u32,
    /// The process (thread group).
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// The calling thread's name, at most 15 bytes.
    pub comm: String,
    /// The calling task's cgroup (the inode of its directory).
    pub cgroup_id: u64,
    /// The network namespace.
    pub netns_cookie: u64,
    /// The client's socket.
    pub socket_cookie: u64,
    /// When `connect` was called, in nanoseconds since boot, suspend included.
    pub connected_boot_ns: u64,
    /// When the process started, in nanoseconds since boot, suspend included; `None` when the kernel's layout is
    /// unknown. In clock ticks this is field 22 of `/proc/PID/stat`, which tells a process from a later one with its id.
    pub process_start_ns: Option<u64>,
}

impl From<interdict_abi::Flow> for Flow {
    fn from(flow: interdict_abi::Flow) -> Self {
        let name = flow.comm.split(|byte| *byte == 0).next().unwrap_or_default();
        Self {
            destination: SocketAddr::new(flow.address.into(), flow.port),
            service: flow.service,
            workload: flow.workload,
            tgid: flow.tgid,
            tid: flow.tid,
            uid: flow.uid,
            gid: flow.gid,
            comm: String::from_utf8_lossy(name).into_owned(),
            cgroup_id: flow.cgroup_id,
            netns_cookie: flow.netns_cookie,
            socket_cookie: flow.socket_cookie,
            connected_boot_ns: flow.boot_ns,
            process_start_ns: (flow.process_start_ns != 0).then_some(flow.process_start_ns),
        }
    }
}

/// Whose connection an accepted socket is. A seam: the proxy's own tests put [`MemoryFlows`] here.
pub trait FlowLookup: Send + Sync {
    /// Takes the flow of a socket accepted on `local` from `peer` in the network namespace `netns_cookie`. `None`: the
    /// connection was not redirected (or its flow is lost or already taken), and must be refused.
    fn take_flow(&self, peer: SocketAddr, local: SocketAddr, netns_cookie: u64) -> Option<Flow>;
}

/// The kernel's own table. Cheap to clone; takes no lock.
#[derive(Clone, Debug)]
pub struct Flows(Arc<OwnedFd>);

impl Flows {
    pub(crate) fn new(map: &aya::maps::MapData) -> io::Result<Self> {
        Ok(Self(Arc::new(map.fd().as_fd().try_clone_to_owned()?)))
    }
}

impl FlowLookup for Flows {
    fn take_flow(&self, peer: SocketAddr, local: SocketAddr, netns_cookie: u64) -> Option<Flow> {
        match sys::take::<TupleKey, interdict_abi::Flow>(self.0.as_fd(), &key(peer, local, netns_cookie)) {
            Ok(flow) => flow.map(Flow::from),
            Err(error) => {
                tracing::error!(%peer, %error, "the kernel's table of flows could not be read");
                None
            }
        }
    }
}

/// A table in memory, for tests without a kernel.
#[derive(Debug, Default)]
pub struct MemoryFlows(Mutex<HashMap<TupleKey, Flow>>);

impl MemoryFlows {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next socket accepted on `local` from `peer` be `flow`'s.
    pub fn insert(&self, peer: SocketAddr, local: SocketAddr, flow: Flow) {
        let key = key(peer, local, flow.netns_cookie);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, flow);
    }
}

impl FlowLookup for MemoryFlows {
    fn take_flow(&self, peer: SocketAddr, local: SocketAddr, netns_cookie: u64) -> Option<Flow> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key(peer, local, netns_cookie))
    }
}

/// The key under which the programs filed a connection: by its client's address and the listener's port.
fn key(peer: SocketAddr, local: SocketAddr, netns_cookie: u64) -> TupleKey {
    let address: IpAddr = peer.ip().to_canonical();
    TupleKey {
        netns_cookie,
        address: address.into(),
        port: peer.port(),
        proxy_port: local.port(),
        reserved: 0,
    }
}

#[cfg(test)]
mod tests;
