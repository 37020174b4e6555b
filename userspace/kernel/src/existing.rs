//! Sockets that reach a protected destination without the proxy: connected before their process was enrolled, or made
//! elsewhere and handed to it. No hook sees them connect, so they are looked for.

mod destroy;
mod diag;
mod holders;
mod tables;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

pub use destroy::Cut;
pub use diag::{Connection, Connections, Transport};
pub use holders::Holder;
pub use tables::Tables;

use holders::Holders;

use crate::kernel::lock;
use crate::{Kernel, KernelError, Namespace};

/// Connections to protected destinations, whoever has them.
#[derive(Debug, Default)]
pub struct Candidates {
    list: Vec<Candidate>,
    /// Namespaces (by cookie) and transports of which this kernel tells nothing: its module `tcp_diag` or `udp_diag` is
    /// missing.
    pub untold: Vec<(u64, Transport)>,
    /// Namespaces that could not be asked.
    pub failed: Vec<KernelError>,
}

#[derive(Debug)]
struct Candidate {
    namespace: Arc<Namespace>,
    connection: Connection,
    service: u32,
}

/// A connection that goes around the proxy.
#[derive(Clone, Debug)]
pub struct Found {
    /// The connection.
    pub connection: Connection,
    /// Where it is.
    pub namespace: Arc<Namespace>,
    /// The protected service's number.
    pub service: u32,
    /// The number of the workload that it belongs to.
    pub workload: u32,
    /// One of the processes in scope that have it open. None: it was made in a cgroup that is in scope, and nobody in
    /// scope has it open any more.
    pub holder: Option<Holder>,
}

impl Candidates {
    /// Looks for connections to protected destinations in these namespaces. Cheap where there are none.
    ///
    /// # Errors
    /// The table of destinations could not be read. A namespace that can't be asked is told in what is returned.
    pub async fn find(namespaces: &[Arc<Namespace>], tables: &Tables) -> Result<Self, KernelError> {
        let mut candidates = Self::default();
        for namespace in namespaces {
            let Connections { list, untold } = match namespace.connections().await {
                Ok(connections) => connections,
                Err(error) => {
                    candidates.failed.push(error);
                    continue;
                }
            };
            let untold = untold.into_iter();
            candidates
                .untold
                .extend(untold.map(|transport| (namespace.cookie(), transport)));
            for connection in list {
                let Some(service) = tables.service(canonical(connection.remote))? else {
                    continue;
                };
                candidates.list.push(Candidate {
                    namespace: Arc::clone(namespace),
                    connection,
                    service,
                });
            }
        }
        Ok(candidates)
    }

    /// Keeps those that belong to somebody in scope: a task in scope has them open, or the cgroup in which they were made
    /// is in scope. This process's own are never among them. Reads all of /proc if there is anything to judge, so not
    /// for a thread that others wait for.
    ///
    /// # Errors
    /// The tables or this process's own descriptors could not be read.
    pub fn judge(mut self, kernel: &Kernel, tables: &Tables) -> Result<Vec<Found>, KernelError> {
        if !self.list.is_empty() {
            let own = holders::own_sockets()?;
            self.list
                .retain(|candidate| !own.contains(&candidate.connection.inode));
        }
        if self.list.is_empty() {
            return Ok(Vec::new());
        }
        let inodes = self.list.iter().map(|candidate| candidate.connection.inode);
        // Whoever closed a socket leaves it without an inode.
        let wanted: HashSet<u32> = inodes.filter(|inode| *inode != 0).collect();
        let holders = Holders::of(&wanted, kernel.membership());
        let cgroups = tables.cgroups_in_scope(&kernel.root)?;
        let found = self.list.into_iter().filter_map(|candidate| {
            let Candidate {
                namespace,
                connection,
                service,
            } = candidate;
            let holder = holders.get(connection.inode).cloned();
            let of_cgroup = || cgroups.get(&connection.cgroup_id?).copied();
            let workload = match &holder {
                Some(holder) => Some(holder.workload),
                None => of_cgroup(),
            }?;
            Some(Found {
                connection,
                namespace,
                service,
                workload,
                holder,
            })
        });
        Ok(found.collect())
    }
}

impl Found {
    /// Ends the connection: its process gets ECONNABORTED, the other side a reset.
    ///
    /// # Errors
    /// The kernel refused, most likely for want of CAP_NET_ADMIN.
    pub async fn cut(&self) -> Result<Cut, KernelError> {
        self.namespace.destroy(&self.connection).await
    }
}

impl Kernel {
    /// Lets a connection from before enrolment go on, by its cookie: the egress guard passes its packets until the socket
    /// is closed.
    ///
    /// # Errors
    /// The kernel refused, or the table is full.
    pub fn keep(&self, cookie: u64) -> Result<(), KernelError> {
        lock(&self.kept)
            .insert(cookie, 0, 0)
            .map_err(KernelError::written(interdict_abi::name::KEPT))
    }

    /// Forgets connections that were kept ([`Kernel::keep`]) and are not among these (by cookie).
    ///
    /// # Errors
    /// The kernel refused.
    pub fn keep_only(&self, cookies: &HashSet<u64>) -> Result<(), KernelError> {
        let mut kept = lock(&self.kept);
        let known: Vec<u64> = kept
            .keys()
            .collect::<Result<_, _>>()
            .map_err(KernelError::read(interdict_abi::name::KEPT))?;
        for cookie in known.iter().filter(|cookie| !cookies.contains(cookie)) {
            match kept.remove(cookie) {
                // The hook at the socket's end may have been faster.
                Err(error) if !tables::is_absent(&error) => {
                    return Err(KernelError::written(interdict_abi::name::KEPT)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// IPv4 addresses as such, also where a socket of the other family carries them.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
