//! The lists of certificates that programs bring along, wherever they were installed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::root::{Item, Root};

/// Directories that hold no installed program, or one of somebody else: kernel's files, other containers' layers.
const SKIPPED: [&str; 11] = [
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/lost+found",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/lib/rancher",
    "/var/log",
];

/// The same wherever they are.
const SKIPPED_NAMES: [&str; 4] = [".git", "__pycache__", "node_modules", ".snapshots"];

/// File systems that may be slow, hang, or can't be written to.
const SKIPPED_KINDS: [&str; 9] = [
    "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "autofs", "squashfs", "afs",
];

const DEEPEST: usize = 24;

/// Directories that are looked into at the most.
const MOST: usize = 1_000_000;

/// What belongs to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A list in PEM form that Python's libraries bring along.
    Python,
    /// A Java keystore.
    Java,
    /// A Node.js, which has its roots compiled in.
    Node,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) stores: Vec<(Kind, PathBuf)>,
    /// Directories that could not be looked into.
    pub(super) closed: usize,
    pub(super) unfinished: bool,
}

/// Looks everywhere in a root. `mounts`: as in `/proc/PID/mountinfo`.
pub(super) fn everywhere(root: &Root, mounts: &str) -> Found {
    let mut skipped: BTreeSet<PathBuf> = SKIPPED.iter().map(PathBuf::from).collect();
    skipped.extend(mounts.lines().filter_map(slow_mount));
    let mut found = Found::default();
    let mut waiting = vec![(PathBuf::from("/"), 0)];
    let mut seen = 0;
    while let Some((directory, depth)) = waiting.pop() {
        seen += 1;
        if seen > MOST {
            found.unfinished = true;
            break;
        }
        let Ok(items) = root.list(&directory) else {
            found.closed += 1;
            continue;
        };
        for item in items {
            let path = directory.join(&item.name);
            if let Some(kind) = kind(&directory, &item) {
                found.stores.push((kind, path));
            } else if item.is_directory && !skipped.contains(&path) && !is_skipped(&item.name) {
                if depth < DEEPEST {
                    waiting.push((path, depth + 1));
                } else {
                    found.unfinished = true;
                }
            }
        }
    }
    found.stores.sort();
    found
}

fn kind(directory: &Path, item: &Item) -> Option<Kind> {
    if !item.is_file {
        return None;
    }
    let above = directory.file_name().and_then(OsStr::to_str)?;
    match (above, item.name.to_str()?) {
        ("certifi" | "botocore", "cacert.pem")
        | ("httplib2", "cacerts.txt")
        | ("_credentials", "roots.pem") => Some(Kind::Python),
        ("security" | "java", "cacerts") => Some(Kind::Java),
        ("bin", "node" | "nodejs") => Some(Kind::Node),
        _ => None,
    }
}

fn is_skipped(name: &OsStr) -> bool {
    SKIPPED_NAMES.iter().any(|skipped| name == *skipped)
}

/// A mount of a kind that is skipped (proc(5), mountinfo).
fn slow_mount(line: &str) -> Option<PathBuf> {
    let (before, after) = line.split_once(" - ")?;
    let kind = after.split(' ').next()?;
    let is_slow = SKIPPED_KINDS.contains(&kind) || kind.starts_with("fuse");
    let path = before.split(' ').nth(4)?.replace("\\040", " ");
    is_slow.then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_programs_bring_along_is_found() {
        let above = tempfile::tempdir().unwrap();
        let expected = [
            (
                Kind::Python,
                "srv/app/.venv/lib/python3.12/site-packages/certifi/cacert.pem",
            ),
            (
                Kind::Python,
                "usr/lib/python3/dist-packages/pip/_vendor/certifi/cacert.pem",
            ),
            (Kind::Java, "opt/jdk/lib/security/cacerts"),
            (Kind::Node, "usr/local/bin/node"),
        ];
        let others = [
            "proc/certifi/cacert.pem",
            "mnt/far/certifi/cacert.pem",
            "usr/lib/cacert.pem",
            "var/lib/docker/x/certifi/cacert.pem",
        ];
        for path in expected.iter().map(|(_, path)| path).chain(&others) {
            let path = above.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink("/", above.path().join("srv/loop")).unwrap();
        let root = Root::open(above.path()).unwrap();
        let found = everywhere(
            &root,
            "30 1 0:5 / /mnt/far rw - nfs4 server:/ rw\n31 1 0:6 / /srv rw - ext4 x rw\n",
        );
        let mut expected: Vec<_> = expected
            .map(|(kind, path)| (kind, Path::new("/").join(path)))
            .into();
        expected.sort();
        assert_eq!(found.stores, expected);
        assert!(!found.unfinished);
    }
}
