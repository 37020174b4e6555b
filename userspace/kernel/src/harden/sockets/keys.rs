//! What a protected Unix socket is recognised by.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use interdict_abi::{UnixKey, unix_kind};

use crate::KernelError;

/// Bytes of a name that can be bound: an address holds 108, the last of them NUL.
const LONGEST: usize = 107;

/// Refuses what can't be a Unix socket's path.
pub(super) fn check(path: &Path) -> Result<(), KernelError> {
    let refuse = |reason| {
        Err(KernelError::UnixSocket {
            path: path.to_owned(),
            reason,
        })
    };
    if !path.is_absolute() {
        return refuse("it is not absolute");
    }
    match path.file_name() {
        None => refuse("it names no file"),
        Some(name) if name.len() > LONGEST => refuse("its name is longer than a socket's can be"),
        Some(_) => Ok(()),
    }
}

/// The keys of a path as it is now: its name, its name in its directory, its inode; and if it is a link, the same of what it
/// leads to.
pub(super) fn of(path: &Path) -> Vec<UnixKey> {
    let mut keys = Vec::new();
    one(path, &mut keys);
    if let Ok(real) = fs::canonicalize(path)
        && real != path
    {
        one(&real, &mut keys);
    }
    keys
}

fn one(path: &Path, keys: &mut Vec<UnixKey>) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let Some(name) = padded(name.as_bytes()) else {
        return;
    };
    keys.push(UnixKey {
        name,
        ..UnixKey::new(unix_kind::NAME, 0, 0)
    });
    if let Ok((inode, device)) = identity(directory) {
        keys.push(UnixKey {
            name,
            ..UnixKey::new(unix_kind::ENTRY, inode, device)
        });
    }
    if let Ok((inode, device)) = identity(path) {
        keys.push(UnixKey::new(unix_kind::INODE, inode, device));
    }
}

fn padded(name: &[u8]) -> Option<[u8; UnixKey::NAME]> {
    let mut padded = [0; UnixKey::NAME];
    padded.get_mut(..name.len())?.copy_from_slice(name);
    Some(padded)
}

/// A file's inode and device, as the kernel has them within. `stat` tells another device for file systems with subvolumes,
/// so the mount's is taken.
fn identity(path: &Path) -> io::Result<(u64, u32)> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
        .open(path)?;
    let found = file.metadata()?;
    let (major, minor) = match mount_of(&file).and_then(|mount| device_of(&mount)) {
        Some(device) => device,
        None => (
            nix::sys::stat::major(found.dev()),
            nix::sys::stat::minor(found.dev()),
        ),
    };
    Ok((found.ino(), kernel_device(major, minor)))
}

/// The kernel's own encoding: twenty bits for the minor number.
const fn kernel_device(major: u64, minor: u64) -> u32 {
    ((major << 20) | (minor & 0xf_ffff)) as u32
}

/// The number of the mount that a file was opened through.
fn mount_of(file: &File) -> Option<String> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    info.lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))
        .map(|number| number.trim().to_owned())
}

/// The device of a mount, by its number.
fn device_of(mount: &str) -> Option<(u64, u64)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    device_in(&mounts, mount)
}

fn device_in(mounts: &str, mount: &str) -> Option<(u64, u64)> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        if words.next()? != mount {
            return None;
        }
        let (major, minor) = words.nth(1)?.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    })
}

/// The directory nearest to a socket that is there: its own, or the one in which the next is to be made.
pub(super) fn nearest_directory(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|ancestor| ancestor.is_dir())
}

#[cfg(test)]
mod tests;
