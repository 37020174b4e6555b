//! Which namespaces processes are in. Everything here blocks.

use std::collections::{HashMap, HashSet};
use std::fs;

use interdict_kernel::{Kernel, KernelError, Namespace, Process};

/// What a look at everybody in scope found.
#[derive(Default)]
pub(super) struct Seen {
    /// A process in each namespace, by the namespace's inode.
    pub(super) namespaces: HashMap<u64, Process>,
    /// A process that may not be looked at, and why.
    pub(super) refused: Option<(u32, KernelError)>,
}

/// Looks at everybody in scope.
pub(super) fn around(kernel: &Kernel) -> Seen {
    let mut seen = Seen::default();
    for tid in kernel.members() {
        // Tasks come and go.
        let Ok(process) = Process::open(tid) else { continue };
        match process.netns_inode() {
            Ok(inode) => {
                seen.namespaces.entry(inode).or_insert(process);
            }
            Err(error) if is_refusal(&error) => {
                seen.refused.get_or_insert((tid, error));
            }
            Err(_) => {}
        }
    }
    seen
}

/// Which of these namespaces (by inode) any process is in.
pub(super) fn lived_in(namespaces: &[u64]) -> HashSet<u64> {
    let mut found = HashSet::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let inode = pid.and_then(|pid| Process::open(pid).ok()?.netns_inode().ok());
        found.extend(inode.filter(|inode| namespaces.contains(inode)));
    }
    found
}

/// The namespace of this cookie, if one of these tasks is in it (still).
pub(super) fn by_cookie(tasks: [u32; 2], cookie: u64) -> Result<Option<Namespace>, KernelError> {
    let mut refused = None;
    for task in tasks {
        match Namespace::of_process(task) {
            Ok(namespace) if namespace.cookie() == cookie => return Ok(Some(namespace)),
            Err(error) if is_refusal(&error) => refused = Some(error),
            Ok(_) | Err(_) => {}
        }
    }
    refused.map_or(Ok(None), Err)
}

/// Whether it is the daemon that lacks a right, and not the process that is gone.
fn is_refusal(error: &KernelError) -> bool {
    match error {
        KernelError::Io { source, .. } | KernelError::Namespace { source, .. } => {
            source.kind() == std::io::ErrorKind::PermissionDenied
        }
        KernelError::NoNetnsCookie => true,
        _ => false,
    }
}
