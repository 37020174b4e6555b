//! From facts to an identity.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use nix::unistd::{SysconfVar, sysconf};

use crate::digest::{Digests, Hashed};
use crate::process::ProcessDirectory;
use crate::users::Users;
use crate::{Attestation, Caller, Facts, Identity, Placement, Process, ProcessError, command};

/// How much is read about one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an executable above which it gets no digest.
    pub executable: u64,
    /// Bytes of the command line.
    pub command: usize,
    /// Number of ancestors.
    pub ancestors: usize,
    /// Number of digests to remember.
    pub digests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            executable: 512 << 20,
            command: 4096,
            ancestors: 8,
            digests: 1024,
        }
    }
}

/// Turns facts into identities. One for the daemon; all callers share its caches.
#[derive(Debug)]
pub struct Resolver {
    limits: Limits,
    users: Users,
    digests: Digests,
    /// Clock ticks a second, as `/proc` counts them.
    ticks: u64,
    /// The second of the boot, since the Unix epoch.
    boot: Option<i64>,
    /// The daemon's own mount namespace.
    mounts: Option<String>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Resolver {
    /// With the host's `/proc` and `/etc/passwd`.
    pub fn new(limits: Limits) -> Self {
        let ticks = sysconf(SysconfVar::CLK_TCK)
            .ok()
            .flatten()
            .and_then(|ticks| u64::try_from(ticks).ok());
        Self {
            limits,
            users: Users::new(PathBuf::from("/etc/passwd")),
            digests: Digests::new(limits.digests, limits.executable),
            ticks: ticks.filter(|ticks| *ticks > 0).unwrap_or(100),
            boot: std::fs::read_to_string("/proc/stat")
                .ok()
                .and_then(|text| boot_second(&text)),
            mounts: ProcessDirectory::open(std::process::id())
                .and_then(|own| own.mount_namespace())
                .ok(),
        }
    }

    /// Finds out who is calling. Never fails: what cannot be read is missing, and flagged where that matters.
    ///
    /// Blocking: it reads `/proc` and, for an executable seen for the first time, the whole file. Call it from a thread
    /// that may block (`spawn_blocking`) and give it a time limit: an executable on a network or user-space file system
    /// can take as long as it likes.
    pub fn resolve(&self, facts: &Facts) -> Identity {
        match facts {
            Facts::Address(address) => of_address(*address),
            Facts::Kernel(caller) => self.of_caller(caller),
        }
    }

    fn of_caller(&self, caller: &Caller) -> Identity {
        let mut flags = Vec::new();
        let mut seen = Process {
            pid: caller.tgid,
            started_at: self.since_epoch(caller.start_boot_ns),
            uid: caller.uid,
            gid: caller.gid,
            user: self.users.name(caller.uid),
            comm: caller.comm.clone(),
            cgroup: caller.cgroup_path.clone(),
            ..Process::default()
        };
        let mut mounts = None;
        match self.open(caller) {
            Ok((directory, parent)) => {
                seen.enriched = true;
                mounts = directory.mount_namespace().ok();
                self.enrich(&directory, parent, &mut seen, &mut flags);
            }
            Err(error) => {
                tracing::debug!(pid = caller.tgid, %error, "only the kernel's facts about the caller stand");
                flags.push("process_gone".to_owned());
            }
        }
        let placement = seen.cgroup.as_deref().map(Placement::parse).unwrap_or_default();
        seen.unit.clone_from(&placement.unit);
        seen.container_id = placement.container.as_ref().map(|container| container.id.clone());
        seen.pod_uid.clone_from(&placement.pod_uid);

        let mounts = mounts
            .zip(self.mounts.as_ref())
            .map(|(theirs, ours)| if theirs == *ours { "host" } else { "own" });
        Identity {
            name: name(&seen, &placement),
            attestation: Attestation::Kernel,
            facts: facts_of(caller, &seen, placement, mounts),
            process: Some(seen),
            flags,
        }
    }

    /// Opens the process and makes sure that it is the one that connected; also gives its parent.
    fn open(&self, caller: &Caller) -> Result<(ProcessDirectory, u32), ProcessError> {
        let directory = ProcessDirectory::open(caller.tgid)?;
        let stat = directory.stat()?;
        if caller.start_boot_ns != 0 {
            let expected = self.in_ticks(caller.start_boot_ns);
            let thread = || {
                directory
                    .thread_stat(caller.pid)
                    .is_ok_and(|thread| thread.start_ticks == expected)
            };
            if stat.start_ticks != expected && !(caller.pid != caller.tgid && thread()) {
                return Err(ProcessError::Gone(caller.tgid));
            }
        }
        Ok((directory, stat.parent))
    }

    fn enrich(&self, directory: &ProcessDirectory, parent: u32, seen: &mut Process, flags: &mut Vec<String>) {
        match directory.executable_path() {
            Ok((path, deleted)) => {
                seen.executable = Some(path);
                if deleted {
                    flags.push("executable_deleted".to_owned());
                }
                match directory.executable().map(|mut file| self.digests.of(&mut file)) {
                    Ok(Ok(Hashed::Digest(digest))) => seen.executable_digest = Some(digest.to_string()),
                    Ok(Ok(Hashed::TooLarge)) => flags.push("executable_too_large".to_owned()),
                    Ok(Err(_)) | Err(_) => flags.push("executable_unreadable".to_owned()),
                }
            }
            Err(_) => flags.push("executable_unreadable".to_owned()),
        }
        if let Ok((bytes, truncated)) = directory.command_line(self.limits.command) {
            let text = String::from_utf8_lossy(&bytes);
            let arguments = text.strip_suffix('\0').unwrap_or(&text);
            seen.command = Some(command::redact(arguments.split('\0')));
            if truncated {
                flags.push("command_truncated".to_owned());
            }
        }
        if seen.cgroup.is_none() {
            seen.cgroup = directory.cgroup().ok();
        }
        if seen.started_at.is_none()
            && let Ok(stat) = directory.stat()
        {
            seen.started_at = self.since_epoch(self.to_ns(stat.start_ticks));
        }
        seen.ancestry = self.ancestry(directory, parent);
    }

    /// Executables from the parent upwards. A parent that started after its child is another process with the same number.
    fn ancestry(&self, child: &ProcessDirectory, mut parent: u32) -> Vec<String> {
        let mut ancestry = Vec::new();
        let Ok(mut child_start) = child.stat().map(|stat| stat.start_ticks) else {
            return ancestry;
        };
        while parent != 0 && ancestry.len() < self.limits.ancestors {
            let Ok(directory) = ProcessDirectory::open(parent) else {
                break;
            };
            let Ok(stat) = directory.stat() else { break };
            if stat.start_ticks > child_start {
                break;
            }
            let shown = match (directory.executable_path(), directory.comm()) {
                (Ok((path, _)), _) => path,
                (Err(_), Ok(comm)) => format!("[{comm}]"),
                (Err(_), Err(_)) => break,
            };
            ancestry.push(shown);
            child_start = stat.start_ticks;
            parent = stat.parent;
        }
        ancestry
    }

    /// As the kernel does it for `/proc/PID/stat`.
    fn in_ticks(&self, boot_ns: u64) -> u64 {
        boot_ns
            .checked_div(1_000_000_000_u64.checked_div(self.ticks).unwrap_or(0))
            .unwrap_or(0)
    }

    fn to_ns(&self, ticks: u64) -> u64 {
        ticks.saturating_mul(1_000_000_000_u64.checked_div(self.ticks).unwrap_or(0))
    }

    fn since_epoch(&self, boot_ns: u64) -> Option<i64> {
        let after_boot = i64::try_from(boot_ns.checked_div(1000)?).ok()?;
        (boot_ns != 0).then_some(())?;
        self.boot?.checked_mul(1_000_000)?.checked_add(after_boot)
    }
}

/// `btime` of `/proc/stat`.
fn boot_second(text: &str) -> Option<i64> {
    text.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

fn of_address(address: IpAddr) -> Identity {
    let address = address.to_canonical().to_string();
    Identity {
        name: format!("address:{address}"),
        attestation: Attestation::Address,
        facts: BTreeMap::from([
            ("address".to_owned(), address),
            ("attestation".to_owned(), Attestation::Address.as_str().to_owned()),
        ]),
        process: None,
        flags: Vec::new(),
    }
}

/// The rule is on the crate's page.
fn name(seen: &Process, placement: &Placement) -> String {
    let service = |unit: &&String| unit.ends_with(".service") && !unit.starts_with("user@");
    if let Some(uid) = &placement.pod_uid {
        format!("pod:{uid}")
    } else if let Some(container) = &placement.container {
        format!("container:{}", container.id.get(..12).unwrap_or(&container.id))
    } else if let Some(unit) = placement.unit.as_ref().filter(service) {
        format!("unit:{unit}")
    } else if let Some(user) = &seen.user {
        format!("user:{user}")
    } else {
        format!("uid:{}", seen.uid)
    }
}

fn facts_of(
    caller: &Caller,
    seen: &Process,
    placement: Placement,
    mounts: Option<&str>,
) -> BTreeMap<String, String> {
    let Placement {
        slice,
        unit,
        user_unit,
        container,
        pod_uid,
    } = placement;
    let (runtime, container_id) = container.map(|c| (c.runtime, c.id)).unzip();
    [
        ("attestation", Some(Attestation::Kernel.as_str().to_owned())),
        ("workload", caller.workload.clone()),
        ("uid", Some(caller.uid.to_string())),
        ("gid", Some(caller.gid.to_string())),
        ("user", seen.user.clone()),
        ("comm", Some(caller.comm.clone())),
        ("executable", seen.executable.clone()),
        ("executable_digest", seen.executable_digest.clone()),
        ("mounts", mounts.map(str::to_owned)),
        ("cgroup", seen.cgroup.clone()),
        ("slice", slice),
        ("unit", unit),
        ("user_unit", user_unit),
        ("container_id", container_id),
        ("container_runtime", runtime.flatten().map(str::to_owned)),
        ("pod_uid", pod_uid),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests;
