//! What can go wrong between the daemon and the kernel.

use std::io;
use std::path::{Path, PathBuf};

use interdict_abi::MapSpec;
use thiserror::Error;

/// An error of this crate, worded for the operator.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The build has no eBPF object in it.
    #[error("this build carries no eBPF programs: run `cargo xtask build`")]
    NotBuilt,
    /// The kernel refused bpf() or mount().
    #[error(
        "the kernel refused {what}: needs root, or CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN, and a kernel \
         that is not locked down"
    )]
    NotPermitted {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        source: Option<io::Error>,
    },
    /// No cgroup2 hierarchy is mounted.
    #[error("no cgroup2 hierarchy is mounted: mount one at /sys/fs/cgroup (or /sys/fs/cgroup/unified)")]
    NoCgroup2,
    /// What is mounted is not the host's root.
    #[error(
        "{} is not the host's cgroup2 root: the daemon runs in a cgroup namespace of its own (container without \
         `--cgroupns=host`, or a pod without hostPID and the host's /sys/fs/cgroup)",
        path.display()
    )]
    NotHostRoot {
        /// Where the hierarchy is mounted.
        path: PathBuf,
    },
    /// The pin directory is not on bpffs and can't be made so.
    #[error("{} is not on a bpf file system: mount one with `mount -t bpf bpf /sys/fs/bpf`", path.display())]
    NotBpffs {
        /// The pin directory.
        path: PathBuf,
    },
    /// Another daemon holds the pins.
    #[error("another interdict daemon uses {}", path.display())]
    InUse {
        /// The pin directory.
        path: PathBuf,
    },
    /// The daemon itself would be redirected.
    #[error(
        "the daemon's own cgroup {cgroup} is in scope (workload {workload}), so its connections would be sent to itself: \
         run it in a cgroup outside of every workload"
    )]
    OwnCgroupInScope {
        /// The daemon's cgroup.
        cgroup: String,
        /// The workload that claims it.
        workload: String,
    },
    /// The daemon itself would be redirected, wherever it runs.
    #[error(
        "the daemon's own {what} is in scope (workload {workload}), so its connections would be sent to itself: enrol \
         that workload by cgroup, or run the daemon as another user or from elsewhere"
    )]
    OwnProcessInScope {
        /// The daemon's user or executable.
        what: String,
        /// The workload that claims it.
        workload: String,
    },
    /// A pattern of executables that can't be followed.
    #[error("workload {workload}: the executable `{pattern}` {reason}")]
    Executable {
        /// The workload.
        workload: String,
        /// The text.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// A pinned map is not what this build expects.
    #[error(
        "the pinned map {} is not what this build expects ({}): another build made it; `interdict detach` removes it, \
         after which protected destinations are open until the daemon runs",
        path.display(), layout(wanted, *found)
    )]
    MapLayout {
        /// The pin.
        path: PathBuf,
        /// Key bytes, value bytes and entries as the kernel has them.
        found: (u32, u32, u32),
        /// What this build needs.
        wanted: MapSpec,
    },
    /// The object or its maps could not be loaded.
    #[error("the eBPF object could not be loaded")]
    Load(#[source] Box<aya::EbpfError>),
    /// The kernel refused a program.
    #[error("the kernel refused the program {name}")]
    Program {
        /// The program.
        name: &'static str,
        /// The verifier's or the kernel's answer.
        source: Box<aya::programs::ProgramError>,
    },
    /// A map could not be read or written.
    #[error("the map {name} could not be {doing}")]
    Map {
        /// The map.
        name: &'static str,
        /// `read` or `written`.
        doing: &'static str,
        /// The kernel's answer.
        source: Box<aya::maps::MapError>,
    },
    /// The object lacks something that this build expects of it.
    #[error("the eBPF object has no {0}: it was built from another version")]
    Missing(&'static str),
    /// A program could not be attached or replaced.
    #[error("{what} of {hook} at the cgroup2 root failed")]
    Link {
        /// The program.
        hook: &'static str,
        /// `attaching` or `replacing`.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file system operation failed.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried: a verb phrase that the path completes.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
    /// A cgroup glob is not one.
    #[error("workload {workload}: `{pattern}` is not a cgroup pattern")]
    Pattern {
        /// The workload.
        workload: String,
        /// The text.
        pattern: String,
        /// What is wrong.
        source: Box<globset::Error>,
    },
    /// Two workloads have the same number.
    #[error("the workloads {0} and {1} have the same number: rename one of them")]
    WorkloadClash(String, String),
    /// A destination that can't be protected.
    #[error("{address}/{prefix} port {port} can't be protected: {reason}")]
    Destination {
        /// Address.
        address: std::net::IpAddr,
        /// Length of the prefix.
        prefix: u8,
        /// Port.
        port: u16,
        /// Why not.
        reason: &'static str,
    },
    /// Something could not be done in a network namespace.
    #[error("{what} the network namespace of {whose}")]
    Namespace {
        /// What was tried: a verb phrase that the namespace completes.
        what: &'static str,
        /// A process or a cookie that tells which namespace.
        whose: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel can't tell network namespaces apart.
    #[error("this kernel tells no cookie of a network namespace (SO_NETNS_COOKIE): 5.14 or newer is needed")]
    NoNetnsCookie,
    /// A Unix socket that can't be protected.
    #[error("the Unix socket {} can't be protected: {reason}", path.display())]
    UnixSocket {
        /// Its path.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A table is full.
    #[error("{wanted} entries are more than the map {name} holds ({limit})")]
    TooMany {
        /// The map.
        name: &'static str,
        /// How many it holds.
        limit: usize,
        /// How many were wanted.
        wanted: usize,
    },
}

impl KernelError {
    pub(crate) fn io(what: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { what, path, source }
    }

    pub(crate) fn load(error: aya::EbpfError) -> Self {
        if is_refusal(&error) {
            return Self::NotPermitted {
                what: "bpf()".to_owned(),
                source: None,
            };
        }
        Self::Load(Box::new(error))
    }

    pub(crate) fn program(name: &'static str) -> impl FnOnce(aya::programs::ProgramError) -> Self {
        move |error| Self::Program {
            name,
            source: Box::new(error),
        }
    }

    pub(crate) fn read(name: &'static str) -> impl FnOnce(aya::maps::MapError) -> Self {
        move |error| Self::Map {
            name,
            doing: "read",
            source: Box::new(error),
        }
    }

    pub(crate) fn written(name: &'static str) -> impl FnOnce(aya::maps::MapError) -> Self {
        move |error| Self::Map {
            name,
            doing: "written",
            source: Box::new(error),
        }
    }
}

/// Whether the kernel's EPERM or EACCES is at the bottom of an error.
fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        {
            return true;
        }
        next = error.source();
    }
    false
}

fn layout(wanted: &MapSpec, (key, value, entries): (u32, u32, u32)) -> String {
    format!(
        "key {key}, value {value} bytes, {entries} entries instead of {}, {} and {}",
        wanted.key, wanted.value, wanted.entries
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eperm_is_found_at_the_bottom() {
        let error = |number| {
            let io_error = io::Error::from_raw_os_error(number);
            let error = aya::maps::MapError::CreateError {
                name: "FLOW".to_owned(),
                io_error,
            };
            KernelError::load(aya::EbpfError::MapError(error))
        };
        assert!(matches!(error(libc::EPERM), KernelError::NotPermitted { .. }));
        assert!(matches!(error(libc::EINVAL), KernelError::Load(_)));
    }
}
