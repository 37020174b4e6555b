//! What this kernel offers, what is attached, and what falls short.

mod attached;
mod coverage;
mod display;
mod features;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use attached::Attached;
pub use coverage::{Coverage, Gap, coverage};
pub use features::Probe;

use crate::{CgroupRoot, cgroup, harden, hooks, is_built, pins, sys};

/// The findings. Serialises to one JSON document; displays for reading.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The kernel's release, as `uname -r`.
    pub kernel: String,
    /// Whether this build carries the eBPF programs.
    pub programs_built: bool,
    /// Where the host's cgroup2 root is mounted; `None` if it isn't visible.
    pub cgroup2_root: Option<PathBuf>,
    /// This process's own cgroup.
    pub own_cgroup: Option<PathBuf>,
    /// Where pins are kept.
    pub pin_root: PathBuf,
    /// Whether that is on bpffs.
    pub bpffs: bool,
    /// Whether the kernel describes its own types.
    pub btf: bool,
    /// The security modules in force, in order; empty if the kernel doesn't tell.
    pub lsm: Vec<String>,
    /// Whether this process may use bpf() at all; the rest is guesswork if not.
    pub bpf_allowed: bool,
    /// Single features, tried out.
    pub features: Vec<Probe>,
    /// Every program attached to a cgroup by a link, of interdict or not, as the kernel tells.
    pub attached: Vec<Attached>,
    /// Whether the programs are pinned, so that [`Report::coverage`] tells what is; else it tells what would be.
    pub pinned: bool,
    /// Each known way around, and what closes it.
    pub coverage: Vec<Coverage>,
    /// What is missing or wrong. Empty: all is well.
    pub shortfalls: Vec<Shortfall>,
}

/// Something that falls short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shortfall {
    /// What is so.
    pub what: String,
    /// What follows from it.
    pub consequence: String,
    /// What to do about it.
    pub remedy: String,
}

impl Shortfall {
    fn new(what: impl Into<String>, consequence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            consequence: consequence.into(),
            remedy: remedy.into(),
        }
    }
}

/// Looks. Changes nothing, and works without any privilege as far as that goes.
#[must_use]
pub fn doctor(pin_root: &Path) -> Report {
    libbpf_rs::set_print(None);
    let mut shortfalls = Vec::new();
    let allowed = sys::bpf_allowed();
    if let Err(error) = &allowed {
        shortfalls.push(Shortfall::new(
            format!("this process may not use bpf() ({error})"),
            "nothing can be attached, and what is attached can't be told; explicit listeners work",
            "run as root, or with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN, on a kernel not locked down",
        ));
    }
    if !is_built() {
        shortfalls.push(Shortfall::new(
            "this build carries no eBPF programs",
            "nothing can be attached; explicit listeners work",
            "run `cargo xtask build`",
        ));
    }
    let root = CgroupRoot::find();
    if let Err(error) = &root {
        shortfalls.push(Shortfall::new(
            error.to_string(),
            "nothing can be attached; explicit listeners work",
            "mount cgroup2, or give the daemon the host's cgroup namespace and /sys/fs/cgroup",
        ));
    }
    shortfalls.extend(pin_shortfalls(pin_root));
    let btf = Path::new("/sys/kernel/btf/vmlinux").exists();
    if !btf {
        shortfalls.push(Shortfall::new(
            "the kernel has no BTF (/sys/kernel/btf/vmlinux)",
            "flows carry no process start time, so a process that took a dead one's id is told from it by /proc alone",
            "use a kernel with CONFIG_DEBUG_INFO_BTF",
        ));
    }
    let lsm = security_modules();
    if !lsm.iter().any(|module| module == "bpf") {
        shortfalls.push(Shortfall::new(
            if lsm.is_empty() {
                "whether the bpf security module is in force can't be told (no /sys/kernel/security/lsm)"
            } else {
                "the bpf security module is not in force"
            },
            "packet sockets, Unix sockets and a privileged workload's attack on the daemon can't be refused by the kernel",
            "boot with `bpf` in `lsm=`; run workloads without CAP_NET_RAW, CAP_BPF, CAP_SYS_ADMIN and CAP_SYS_PTRACE",
        ));
    }
    let (features, mut lacking) = features::probe();
    if allowed.is_ok() {
        shortfalls.append(&mut lacking);
    }
    let attached = if allowed.is_ok() {
        attached::query(pin_root, &mut shortfalls)
    } else {
        Vec::new()
    };
    let links = pins::directory(pin_root).join("links");
    let pinned = allowed.is_ok() && links.exists();
    let in_force: BTreeSet<_> = if pinned {
        hooks::pinned(&links)
            .chain(harden::in_force(&links, &pins::directory(pin_root).join("maps")))
            .collect()
    } else {
        hooks::ORDER.into_iter().chain(harden::expected()).collect()
    };
    Report {
        kernel: release(),
        programs_built: is_built(),
        cgroup2_root: root.ok().map(|root| root.path().to_owned()),
        own_cgroup: cgroup::own().ok(),
        pin_root: pin_root.to_owned(),
        bpffs: pins::is_bpffs(pin_root),
        btf,
        lsm,
        bpf_allowed: allowed.is_ok(),
        features,
        attached,
        pinned,
        coverage: coverage(&in_force),
        shortfalls,
    }
}

fn pin_shortfalls(pin_root: &Path) -> Option<Shortfall> {
    use std::os::unix::fs::MetadataExt as _;
    let bpffs = Path::new("/sys/fs/bpf");
    if !pins::is_bpffs(pin_root) {
        return Some(Shortfall::new(
            format!("{} is not on a bpf file system", pin_root.display()),
            "nothing is pinned there; `interdict run` mounts one at /sys/fs/bpf",
            "mount one: `mount -t bpf bpf /sys/fs/bpf`",
        ));
    }
    // A file system mounted in this mount namespace alone goes with it, and takes the pins along.
    let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
    let host = device(Path::new("/proc/1/root/sys/fs/bpf"))?;
    (pin_root.starts_with(bpffs) && device(bpffs) != Some(host)).then(|| {
        Shortfall::new(
            "/sys/fs/bpf here is not the host's",
            "the programs are detached when this mount namespace ends: protected destinations are then open",
            "give the daemon the host's /sys/fs/bpf",
        )
    })
}

fn security_modules() -> Vec<String> {
    let text = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    text.trim()
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn release() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "unknown".to_owned(),
        |name| name.release().to_string_lossy().into_owned(),
    )
}
