//! What the daemon gives up once it knows what it has to do, so that a mistake in it is worth less to whoever finds it.
//!
//! The process keeps the capabilities that its settings call for and can get no others. The threads that parse what agents
//! and servers send keep nothing but memory, the clock and TCP sockets: no capability, no file, no program, no process.

mod calls;
mod capabilities;
mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use interdict_record::Record;
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};

use crate::record::detailed;
use crate::settings::{KernelMode, Settings};

/// Something that could not be given up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gap {
    /// `landlock`, `seccomp`, `threads`.
    what: &'static str,
    reason: String,
    /// What it leaves open, and what to do.
    consequence: &'static str,
}

/// What was given up, and what could not be.
#[derive(Debug)]
pub(crate) struct Sandbox {
    gaps: Gaps,
}

/// By what is missing: every session thread finds the same.
type Gaps = Arc<Mutex<BTreeMap<&'static str, Gap>>>;

impl Sandbox {
    /// Gives up what the whole process does not need. To be called while it has one thread: those that come inherit it.
    pub(crate) fn start(settings: &Settings) -> anyhow::Result<Self> {
        let gaps = Gaps::default();
        // Capabilities belong to threads: one that runs already would keep all of them.
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            let gap = Gap {
                what: "threads",
                reason: format!("{threads} threads ran before capabilities were dropped"),
                consequence: "they keep the capabilities that the daemon was started with; please report it",
            };
            note(&gaps, gap);
        }
        if settings.kernel.mode != KernelMode::Off {
            // Kernels before 5.11 charge eBPF maps to it, and raising it takes a capability that is about to go. Later ones
            // don't care; should it be too low, loading tells.
            let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
        }
        // A core would hold rows and keys. A limit of zero does not keep the kernel from piping one to a program
        // (core_pattern); not being dumpable does, and keeps others of the same user from tracing the daemon.
        setrlimit(Resource::RLIMIT_CORE, 0, 0).context("forbidding core dumps")?;
        prctl::set_dumpable(false).context("forbidding core dumps and tracing")?;
        capabilities::keep(&capabilities::needed(settings)).context("dropping capabilities")?;
        prctl::set_no_new_privs().context("giving up new privileges")?;
        Ok(Self { gaps })
    }

    /// What a session thread does before it sees a connection. It fails where the thread would keep capabilities.
    pub(crate) fn session_thread(&self) -> impl Fn() -> io::Result<()> + Send + Clone + 'static {
        let gaps = Arc::clone(&self.gaps);
        move || {
            for gap in confine()? {
                note(&gaps, gap);
            }
            Ok(())
        }
    }

    /// What could not be given up, for the record; complete once the session threads have started.
    pub(crate) fn gaps(&self) -> Vec<Record> {
        let gaps = self.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.values()
            .map(|gap| {
                let message = format!("{}: {}: {}", gap.what, gap.reason, gap.consequence);
                let detail = BTreeMap::from([
                    ("what".to_owned(), gap.what.to_owned()),
                    ("reason".to_owned(), gap.reason.clone()),
                    ("consequence".to_owned(), gap.consequence.to_owned()),
                ]);
                detailed("sandbox_partial", "daemon", message, detail)
            })
            .collect()
    }
}

fn note(gaps: &Gaps, gap: Gap) {
    let mut gaps = gaps.lock().unwrap_or_else(PoisonError::into_inner);
    if !gaps.contains_key(gap.what) {
        tracing::warn!(
            what = gap.what,
            reason = gap.reason,
            "the sandbox is incomplete: {}",
            gap.consequence
        );
        gaps.insert(gap.what, gap);
    }
}

/// Confines the calling thread, for good. The order matters: each step forbids what those before it needed.
fn confine() -> io::Result<Vec<Gap>> {
    prctl::set_no_new_privs()?;
    let mut gaps = Vec::new();
    gaps.extend(files::forbid());
    capabilities::drop_all()?;
    gaps.extend(calls::restrict());
    Ok(gaps)
}
