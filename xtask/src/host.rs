//! What this machine lets us do.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{cgroup, ui};

/// Where a daemon of this host keeps what outlives it.
const PINS: &str = "/sys/fs/bpf/interdict";

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| effective_uid(&status) == Some(0))
}

fn effective_uid(status: &str) -> Option<u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// A program on the path, or in the places for administrators that a user's path leaves out.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// A port of loopback that nobody listens on now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Ends with a sentence if this is too long a path for a Unix socket.
pub(crate) fn check_socket(path: &Path) -> Result<()> {
    // 107 bytes are what the kernel takes.
    if path.as_os_str().len() > 107 {
        bail!(
            "{} is too long a path for a Unix socket; set TMPDIR to a shorter one",
            path.display()
        );
    }
    Ok(())
}

/// A command that runs as root: itself where we are root, else by a sudo that asks nothing. None if neither.
pub(crate) fn as_root(program: &str) -> Option<Command> {
    if is_root() {
        return Some(Command::new(program));
    }
    if !ui::succeeds(Command::new("sudo").args(["-n", "true"])) {
        return None;
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "--", program]);
    Some(command)
}

/// Why the redirect in the kernel can't be used here; None if it can.
pub(crate) fn kernel_refuses() -> Option<String> {
    if !is_root() {
        return Some("this is not root: programs can't be attached".into());
    }
    if let Err(error) = cgroup::root() {
        return Some(format!("{error:#}"));
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some("this kernel has no BTF (/sys/kernel/btf/vmlinux)".into());
    }
    // Listing asks for the same capability as loading and changes nothing; a container's seccomp filter refuses both.
    let Some(bpftool) = program("bpftool") else {
        return Some("bpftool is missing: whether bpf() is allowed can't be seen".into());
    };
    let listed = Command::new(bpftool).args(["prog", "list"]).output();
    match listed {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "bpf() is refused: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("bpftool can't be run: {error}")),
    }
}

/// Why a daemon of our own can't redirect here, and be removed again, without touching somebody else's; None if it can.
pub(crate) fn redirect_refuses() -> Option<String> {
    kernel_refuses().or_else(|| {
        pinned(Path::new(PINS)).then(|| {
            format!("interdict is at work on this host already ({PINS}); `interdict detach` would end that")
        })
    })
}

/// Whether anything is pinned below a folder; folders alone are what a removal may leave.
fn pinned(directory: &Path) -> bool {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            let path = entry.path();
            if path.is_dir() { pinned(&path) } else { true }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_folders_are_no_pins() -> Result<()> {
        let place = tempfile::tempdir()?;
        assert!(!pinned(&place.path().join("missing")));
        fs::create_dir_all(place.path().join("v1/links"))?;
        assert!(!pinned(place.path()));
        fs::write(place.path().join("v1/links/connect4"), "")?;
        assert!(pinned(place.path()));
        Ok(())
    }

    #[test]
    fn the_effective_uid_is_the_second_number() {
        assert_eq!(effective_uid("Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(0));
        assert_eq!(effective_uid("Name:\tx\n"), None);
    }

    #[test]
    fn a_sockets_path_is_107_bytes_at_most() {
        assert!(check_socket(Path::new(&"x".repeat(107))).is_ok());
        assert!(check_socket(Path::new(&"x".repeat(108))).is_err());
    }

    #[test]
    fn programs_are_found_on_the_path_only() {
        assert!(program("sh").is_some());
        assert!(program("interdict-no-such-program").is_none());
    }
}
