//! From facts to an identity.

mod ancestry;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use nix::unistd::{SysconfVar, sysconf};

use crate::digest::{Digests, Hashed};
use crate::oidc::{Absent, Bearer};
use crate::process::ProcessDirectory;
use crate::stat::Stat;
use crate::users::Users;
use crate::{
    Attestation, Caller, Facts, Identity, Lineage, Oidc, Placement, Pods, Process, ProcessError, command,
    environment, oidc,
};

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

/// What is known of callers besides what the kernel and `/proc` tell.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Whose tokens are believed.
    pub oidc: Option<Arc<Oidc>>,
    /// Variables of callers' environments that become facts.
    pub environment: Vec<String>,
    /// Who follows this node's pods.
    pub pods: Option<Arc<dyn Pods>>,
    /// Who has noted where processes come from.
    pub lineage: Option<Arc<dyn Lineage>>,
}

/// Turns facts into identities. One for the daemon; all callers share its caches.
#[derive(Debug)]
pub struct Resolver {
    limits: Limits,
    sources: Sources,
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
        Self::new(Limits::default(), Sources::default())
    }
}

impl Resolver {
    /// With the host's `/proc` and `/etc/passwd`.
    pub fn new(limits: Limits, sources: Sources) -> Self {
        let ticks = sysconf(SysconfVar::CLK_TCK)
            .ok()
            .flatten()
            .and_then(|ticks| u64::try_from(ticks).ok());
        Self {
            limits,
            sources,
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

    /// Finds out who is calling, for a connection to `service`. Never fails: what cannot be read is missing, and flagged
    /// where that matters; see [`Identity::refusal`] for tokens that are required.
    ///
    /// Blocking: it reads `/proc` and, for an executable seen for the first time, the whole file. Call it from a thread
    /// that may block (`spawn_blocking`) and give it a time limit: an executable on a network or user-space file system
    /// can take as long as it likes.
    pub fn resolve(&self, facts: &Facts, service: &str) -> Identity {
        match facts {
            Facts::Address(address) => {
                let mut identity = of_address(*address);
                let process = Err(Absent::Address);
                self.take_token(&mut identity, process, 0, None, service);
                identity
            }
            Facts::Kernel(caller) => self.of_caller(caller, service),
        }
    }

    fn of_caller(&self, caller: &Caller, service: &str) -> Identity {
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
        let mut variables = BTreeMap::new();
        let mut process = Err(Absent::Gone);
        let mut start_ticks = 0;
        match self.open(caller) {
            Ok((directory, stat)) => {
                seen.enriched = true;
                mounts = directory.mount_namespace().ok();
                self.enrich(&directory, stat, &mut seen, &mut flags);
                variables = self.environment(&directory, &mut flags);
                start_ticks = stat.start_ticks;
                process = Ok(directory);
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

        let pod = self.sources.pods.as_ref().zip(seen.pod_uid.as_deref());
        let mut labels = BTreeMap::new();
        if let Some(pod) = pod.and_then(|(pods, uid)| pods.pod(uid)) {
            (seen.pod, seen.namespace) = (Some(pod.name), Some(pod.namespace));
            seen.service_account = pod.service_account;
            labels = pod.labels;
        }

        let mounts = mounts
            .zip(self.mounts.as_ref())
            .map(|(theirs, ours)| if theirs == *ours { "host" } else { "own" });
        let mut facts = facts_of(caller, &seen, placement, mounts);
        facts.extend(
            labels
                .into_iter()
                .map(|(name, value)| (format!("label.{name}"), value)),
        );
        let mut identity = Identity {
            name: name(&seen),
            attestation: Attestation::Kernel,
            facts,
            claims: BTreeMap::new(),
            process: Some(seen),
            flags,
            refusal: None,
        };
        for (name, value) in variables {
            identity.facts.insert(format!("env.{name}"), value.clone());
            identity.claims.insert(format!("env.{name}"), value);
        }
        let process = process.as_ref().map_err(|absent| *absent).and_then(|directory| {
            let proven = caller.start_boot_ns != 0;
            proven.then_some(directory).ok_or(Absent::Unproven)
        });
        let workload = caller.workload.as_deref();
        self.take_token(&mut identity, process, start_ticks, workload, service);
        identity
    }

    /// Lets the caller's token say who it is, if there is a sound one.
    fn take_token(
        &self,
        identity: &mut Identity,
        process: Result<&ProcessDirectory, Absent>,
        start_ticks: u64,
        workload: Option<&str>,
        service: &str,
    ) {
        let Some(oidc) = &self.sources.oidc else {
            return;
        };
        let pod_uid = identity
            .process
            .as_ref()
            .and_then(|process| process.pod_uid.as_deref());
        let established = oidc.establish(&Bearer {
            process,
            start_ticks,
            workload,
            service,
            pod_uid,
        });
        identity.flags.extend(established.flags);
        identity.refusal = established.refusal;
        if let Some((provider, verified)) = established.verified {
            oidc::take(&provider, &verified, identity);
        }
    }

    fn environment(&self, directory: &ProcessDirectory, flags: &mut Vec<String>) -> BTreeMap<String, String> {
        let names = &self.sources.environment;
        if names.is_empty() {
            return BTreeMap::new();
        }
        let Ok((bytes, truncated)) = directory.environment(environment::LONGEST) else {
            flags.push("environment_unreadable".to_owned());
            return BTreeMap::new();
        };
        if truncated {
            flags.push("environment_truncated".to_owned());
        }
        environment::named(&bytes, names)
    }

    /// Opens the process and makes sure that it is the one that connected.
    fn open(&self, caller: &Caller) -> Result<(ProcessDirectory, Stat), ProcessError> {
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
        Ok((directory, stat))
    }

    fn enrich(&self, directory: &ProcessDirectory, stat: Stat, seen: &mut Process, flags: &mut Vec<String>) {
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
        seen.login_uid = directory.login();
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
        if seen.started_at.is_none() {
            seen.started_at = self.since_epoch(self.to_ns(stat.start_ticks));
        }
        let lineage = self.sources.lineage.as_deref();
        let ancestry = ancestry::of(seen.pid, stat, self.limits.ancestors, lineage);
        seen.ancestry = ancestry.names;
        if ancestry.partial {
            flags.push("ancestry_partial".to_owned());
        }
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
        claims: BTreeMap::new(),
        process: None,
        flags: Vec::new(),
        refusal: None,
    }
}

/// The rule is on the crate's page.
fn name(seen: &Process) -> String {
    let service = |unit: &&String| unit.ends_with(".service") && !unit.starts_with("user@");
    if let Some(uid) = &seen.pod_uid {
        format!("pod:{uid}")
    } else if let Some(container) = &seen.container_id {
        format!("container:{}", container.get(..12).unwrap_or(container))
    } else if let Some(unit) = seen.unit.as_ref().filter(service) {
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
        ("pod", seen.pod.clone()),
        ("namespace", seen.namespace.clone()),
        ("service_account", seen.service_account.clone()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
pub(crate) mod tests;
