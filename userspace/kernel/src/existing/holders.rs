//! Which processes have a socket open.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::netns::Process;
use crate::{KernelError, Member, stable_id};

/// A process that has a socket open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Its name, as it calls itself.
    pub comm: String,
    /// The number of its workload.
    pub workload: u32,
}

/// Sockets, by inode, and one process each that has it open.
pub(super) struct Holders(HashMap<u32, Holder>);

impl Holders {
    /// Looks through the descriptors of these tasks' processes.
    pub(super) fn of(wanted: &HashSet<u32>, members: Vec<Member>) -> Self {
        let mut holders = HashMap::new();
        let mut last = None;
        for Member { pid, workload, .. } in members {
            // Threads share their process's descriptors, and are listed one after another.
            if last.replace(pid) == Some(pid) {
                continue;
            }
            // A process may go while it is looked at.
            let Ok(process) = Process::open(pid) else { continue };
            for inode in sockets(Path::new(&format!("/proc/{pid}/fd"))).filter(|inode| wanted.contains(inode))
            {
                holders.entry(inode).or_insert_with(|| Holder {
                    pid,
                    comm: process.comm().unwrap_or_default(),
                    workload: stable_id(&workload),
                });
            }
        }
        Self(holders)
    }

    pub(super) fn get(&self, inode: u32) -> Option<&Holder> {
        self.0.get(&inode)
    }
}

/// The sockets of this process.
pub(super) fn own_sockets() -> Result<HashSet<u32>, KernelError> {
    let path = "/proc/self/fd";
    fs::read_dir(path).map_err(KernelError::io("listing", path))?;
    Ok(sockets(Path::new(path)).collect())
}

/// The inodes of the sockets in a directory of descriptors; none if it can't be read (any more).
fn sockets(directory: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| inode(fs::read_link(entry.path()).ok()?.as_os_str().as_bytes()))
}

/// The inode in what a socket's descriptor links to: `socket:[123]`.
fn inode(link: &[u8]) -> Option<u32> {
    let number = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn links_of_sockets() {
        assert_eq!(inode(b"socket:[42]"), Some(42));
        for other in [&b"pipe:[42]"[..], b"socket:[", b"socket:[x]", b"/etc/passwd"] {
            assert_eq!(inode(other), None);
        }
    }

    #[test]
    fn finds_who_has_a_socket() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let wanted = inode(link.as_os_str().as_bytes()).unwrap();
        assert!(own_sockets().unwrap().contains(&wanted));
        let member = |pid| Member {
            pid,
            tid: pid,
            workload: "agents".into(),
        };
        let holders = Holders::of(
            &HashSet::from([wanted]),
            vec![member(1), member(std::process::id())],
        );
        let holder = holders.get(wanted).unwrap();
        assert_eq!(
            (holder.pid, holder.workload),
            (std::process::id(), stable_id("agents"))
        );
        assert!(holders.get(0).is_none());
        assert!(
            Holders::of(&HashSet::from([wanted]), vec![member(1)])
                .get(wanted)
                .is_none()
        );
    }
}
