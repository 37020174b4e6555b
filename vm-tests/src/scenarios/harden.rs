//! The optional guards: what each refuses, that it is told, and that the way is open again without it. Where the kernel has no
//! such hook the way is shown to be open, and the outcome is a gap.

mod unix;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use interdict_kernel::{HardeningState, Hook, Verdict};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::bench::{Bench, eventually};
use crate::child::Got;
use crate::{Outcome, Scenario};

pub(super) const ALL: &[Scenario] = &[
    ("harden_families", families),
    ("harden_unix_socket", unix::by_its_name),
    ("harden_unix_datagram", unix::datagram),
    ("harden_unix_other_names", unix::by_other_names),
    ("harden_unix_restart", unix::after_a_restart),
    ("harden_memory_of_the_daemon", memory),
    ("harden_signals_to_the_daemon", signals),
    ("harden_bpf", bpf),
    ("harden_pins_unlinked", unlinked),
    ("harden_pins_moved", moved),
    ("harden_pins_unmounted", unmounted),
    ("harden_leaving_the_scope", leaving),
    ("harden_clone_out_of_the_scope", cloning),
];

const EPERM: Got = Got::Errno(libc::EPERM);
const DONE: Got = Got::Errno(0);

/// Why a hook is not in force; `None` if it is.
fn unavailable(bench: &Bench, hook: Hook) -> Option<String> {
    let found = bench.kernel.hardening().iter().find(|one| one.hook == hook);
    match found.map(|one| &one.state) {
        Some(HardeningState::Active) => None,
        Some(HardeningState::Unavailable(reason)) => Some(reason.clone()),
        Some(HardeningState::NotNeeded) => Some("not needed".to_owned()),
        None => Some("not attached".to_owned()),
    }
}

/// Tries something from within the scope: refused with `error` and told while the guard is there, done without it.
fn guarded(
    bench: &Bench,
    hook: Hook,
    verdict: Verdict,
    error: i32,
    attempt: impl Fn() -> Result<Got>,
) -> Result<Outcome> {
    if let Some(reason) = unavailable(bench, hook) {
        let got = attempt()?;
        ensure!(got == DONE, "without a guard: {got:?}");
        return Ok(Outcome::Gap(reason));
    }
    let (got, event) = bench.event_after(&attempt, |event| event.hook == hook)?;
    ensure!(got == Got::Errno(error), "with the guard: {got:?}");
    ensure!(event.verdict == verdict, "{event:?}");
    let workload = bench.kernel.workload(event.flow.workload);
    ensure!(workload.as_deref() == Some(crate::bench::WORKLOAD), "{event:?}");
    bench.place.remove_guard(hook)?;
    eventually("the way is open without its guard", || Ok(attempt()? == DONE))?;
    Ok(Outcome::Pass)
}

fn client(bench: &Bench, arguments: &[&str]) -> Result<Got> {
    bench.client(&[&["harden"], arguments].concat())?.got()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

fn families() -> Result<Outcome> {
    const PACKET: &str = "17";
    let bench = Bench::new()?;
    for harmless in ["1", "16"] {
        let got = client(&bench, &["family", harmless])?;
        ensure!(got != EPERM, "family {harmless}: {got:?}");
    }
    let guard = unavailable(&bench, Hook::LsmSocketCreate).is_none();
    // TIPC, vsock, SMC, XDP: whether or not the kernel has them, it is not asked.
    for family in ["30", "40", "43", "44"] {
        let got = client(&bench, &["family", family])?;
        ensure!((got == EPERM) == guard, "family {family}: {got:?}");
    }
    guarded(
        &bench,
        Hook::LsmSocketCreate,
        Verdict::SocketKind,
        libc::EPERM,
        || client(&bench, &["family", PACKET]),
    )
}

fn memory() -> Result<Outcome> {
    let bench = Bench::new()?;
    let daemon = std::process::id().to_string();
    guarded(&bench, Hook::LsmPtrace, Verdict::Attack, libc::EACCES, || {
        client(&bench, &["memory", &daemon])
    })
}

fn signals() -> Result<Outcome> {
    /// What is ignored by whoever does not handle it.
    const WINDOW_CHANGED: &str = "28";
    let bench = Bench::new()?;
    let daemon = std::process::id().to_string();
    let got = client(&bench, &["signal", &daemon, "0"])?;
    ensure!(got == DONE, "signal 0: {got:?}");
    let other = bench.client(&["harden-wait"])?;
    let got = client(&bench, &["signal", &other.id().to_string(), WINDOW_CHANGED])?;
    ensure!(got == DONE, "a signal to another process: {got:?}");
    guarded(&bench, Hook::LsmKill, Verdict::Attack, libc::EPERM, || {
        client(&bench, &["signal", &daemon, WINDOW_CHANGED])
    })
}

fn bpf() -> Result<Outcome> {
    let bench = Bench::new()?;
    let pins = bench.place.pin_root.clone();
    guarded(&bench, Hook::LsmBpf, Verdict::Attack, libc::EPERM, || {
        client(&bench, &["bpf", text(&pins)?])
    })
}

/// A directory of the scenario's own on the file system of the pins.
struct Pins(PathBuf);

impl Pins {
    fn new(bench: &Bench) -> Result<Self> {
        let name = format!("{}-more", text(&bench.place.pin_root)?);
        fs::create_dir(&name)?;
        Ok(Self(PathBuf::from(name)))
    }

    /// Something that can be removed: this file system takes links by name from anybody who may write there.
    fn put(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        if path.symlink_metadata().is_err() {
            std::os::unix::fs::symlink("nowhere", &path)?;
        }
        Ok(path)
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

fn unlinked() -> Result<Outcome> {
    let bench = Bench::new()?;
    let pins = Pins::new(&bench)?;
    guarded(&bench, Hook::LsmUnlink, Verdict::Attack, libc::EPERM, || {
        client(&bench, &["unlink", text(&pins.put("link")?)?])
    })
}

fn moved() -> Result<Outcome> {
    let bench = Bench::new()?;
    let pins = Pins::new(&bench)?;
    guarded(&bench, Hook::LsmRename, Verdict::Attack, libc::EPERM, || {
        let (from, to) = (pins.put("from")?, pins.0.join("to"));
        client(&bench, &["rename", text(&from)?, text(&to)?])
    })
}

fn unmounted() -> Result<Outcome> {
    let bench = Bench::new()?;
    let place = unix::Directory::new("mount")?;
    let at = place.0.as_path();
    let outcome = guarded(&bench, Hook::LsmUnmount, Verdict::Attack, libc::EPERM, || {
        if !is_mounted(at)? {
            mount(Some("bpf"), at, Some("bpf"), MsFlags::empty(), None::<&str>)?;
        }
        client(&bench, &["unmount", text(at)?])
    });
    if is_mounted(at)? {
        umount2(at, MntFlags::MNT_DETACH)?;
    }
    outcome
}

fn is_mounted(at: &Path) -> Result<bool> {
    Ok(fs::read_to_string("/proc/self/mountinfo")?.contains(text(at)?))
}

fn leaving() -> Result<Outcome> {
    let bench = Bench::new()?;
    let within = bench.place.make("within/deeper")?.join("cgroup.procs");
    let got = client(&bench, &["move", text(&within)?])?;
    ensure!(got == DONE, "to a cgroup within the scope: {got:?}");
    let outside = crate::bench::Place::new_beside("outside")?;
    let threads = outside.directory("").join("cgroup.threads");
    let procs = outside.directory("").join("cgroup.procs");
    if unavailable(&bench, Hook::LsmFileOpen).is_none() {
        let got = client(&bench, &["move", text(&threads)?])?;
        ensure!(got == EPERM, "a thread: {got:?}");
    }
    guarded(&bench, Hook::LsmFileOpen, Verdict::Attack, libc::EPERM, || {
        client(&bench, &["move", text(&procs)?])
    })
}

fn cloning() -> Result<Outcome> {
    let bench = Bench::new()?;
    let outside = crate::bench::Place::new_beside("outside")?;
    let directory = outside.directory("");
    guarded(&bench, Hook::LsmClone, Verdict::Attack, libc::EPERM, || {
        client(&bench, &["clone", text(&directory)?])
    })
}
