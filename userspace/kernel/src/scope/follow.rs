//! Keeps the tables of who is in scope as the host is.

use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::watch;

use super::executables::Executables;
use super::state::State;
use super::tables::Table;
use super::tree::Tree;
use super::{Judge, Patterns, ScopeMap, Workload, compile, refuse_own_by, users};
use crate::{CgroupRoot, KernelError};

/// How often it is looked whether files that were replaced still run.
const STALE: Duration = Duration::from_secs(10);

/// A thread that follows cgroups and executables until it is dropped. What it enrolled stays enrolled.
pub(crate) struct Follower {
    shared: Arc<Shared>,
    judge: Option<Arc<dyn Judge>>,
    running: Option<Running>,
}

/// What the thread tells.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Counts the changes.
    pub(super) changes: watch::Sender<u64>,
}

struct Running {
    /// A byte: look at everything again. Closed: end.
    wake: PipeWriter,
    thread: JoinHandle<()>,
}

impl Follower {
    /// One that follows nothing yet.
    fn idle() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                changes: watch::Sender::new(0),
            }),
            judge: None,
            running: None,
        }
    }

    /// The one in `slot`, made if there is none.
    pub(super) fn of(slot: &mut Option<Self>) -> &mut Self {
        slot.get_or_insert_with(Self::idle)
    }

    /// Brings the tables up to date with these workloads, and then keeps them so. `maps` is where the maps are pinned.
    pub(crate) fn replace(
        slot: &mut Option<Self>,
        root: &CgroupRoot,
        maps: &Path,
        map: &ScopeMap,
        workloads: &[Workload],
    ) -> Result<(), KernelError> {
        let this = Self::of(slot);
        let patterns = Arc::new(compile(workloads)?);
        refuse_own_by(&patterns)?;
        users::refuse_own(workloads)?;
        let executables = Executables::new(workloads)?;
        executables.refuse_own(workloads)?;
        // Two at once would each undo what the other does.
        this.stop();
        this.start(root, maps, map, workloads, patterns, executables)
    }

    fn start(
        &mut self,
        root: &CgroupRoot,
        maps: &Path,
        map: &ScopeMap,
        workloads: &[Workload],
        patterns: Arc<Patterns>,
        mut executables: Executables,
    ) -> Result<(), KernelError> {
        let (wait, wake) = pipe().map_err(KernelError::io("watching", root.path()))?;
        let table = Table::cgroups(map)?;
        let users = users::write(maps, workloads)?;
        executables.open(maps)?;
        executables.synchronise()?;
        let mut tree = Tree::new(root, Arc::clone(&patterns), self.judge.clone(), table)?;
        tree.synchronise()?;
        *self.shared.lock() = State::new(patterns, users);
        self.shared.publish(&tree, &executables);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new()
            .name("scope".to_owned())
            .spawn(move || follow(&shared, tree, executables, wait))
            .map_err(KernelError::io("watching", root.path()))?;
        self.running = Some(Running { wake, thread });
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(Running { wake, thread }) = self.running.take() {
            drop(wake);
            if thread.join().is_err() {
                tracing::error!("the thread that followed the cgroups had panicked");
            }
        }
    }

    pub(super) fn judge_by(&mut self, judge: Arc<dyn Judge>) {
        self.judge = Some(judge);
    }

    /// Looks at everything again, soon.
    pub(super) fn reconsider(&mut self) {
        if let Some(running) = &mut self.running
            && let Err(error) = running.wake.write_all(&[0])
        {
            tracing::error!(%error, "cgroups are no longer followed: restart the daemon");
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn workload(&self, number: u32) -> Option<Arc<str>> {
        self.shared.lock().name(number)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Follower")
            .field("running", &self.running.is_some())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, tree: &Tree, executables: &Executables) {
        self.lock().update(tree, executables);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn follow(shared: &Shared, mut tree: Tree, mut executables: Executables, mut wake: PipeReader) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let woken = match wait(&tree, &executables, &wake) {
            Ok(woken) => woken,
            Err(error) => return lost(&error),
        };
        let mut changed = false;
        if woken.told {
            match wake.read(&mut buffer) {
                Ok(0) => return,
                Ok(_) => match tree.synchronise() {
                    Ok(enrolled) => changed |= enrolled,
                    Err(error) => tracing::error!(%error, "cgroups could not be enrolled"),
                },
                Err(error) => return lost(&error),
            }
        }
        if woken.cgroups {
            match tree.follow(&mut buffer) {
                Ok(enrolled) => changed |= enrolled,
                Err(error) => return lost(&error),
            }
        }
        let followed = if woken.executables {
            executables.follow(&mut buffer)
        } else if woken.late {
            executables.forget_stale()
        } else {
            Ok(false)
        };
        match followed {
            Ok(enrolled) => changed |= enrolled,
            Err(error) => tracing::error!(%error, "executables could not be enrolled"),
        }
        if changed {
            shared.publish(&tree, &executables);
        }
    }
}

fn lost(error: &io::Error) {
    tracing::error!(%error, "cgroups are no longer followed: restart the daemon");
}

/// Why the thread woke.
struct Woken {
    cgroups: bool,
    executables: bool,
    told: bool,
    late: bool,
}

fn wait(tree: &Tree, executables: &Executables, wake: &PipeReader) -> io::Result<Woken> {
    let timeout = if executables.has_stale() {
        PollTimeout::try_from(STALE).unwrap_or(PollTimeout::MAX)
    } else {
        PollTimeout::NONE
    };
    loop {
        let mut fds = [
            PollFd::new(tree.fd(), PollFlags::POLLIN),
            PollFd::new(executables.fd(), PollFlags::POLLIN),
            PollFd::new(wake.as_fd(), PollFlags::POLLIN),
        ];
        let ready = match poll(&mut fds, timeout) {
            Ok(ready) => ready,
            Err(nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let [cgroups, executables, told] = fds.map(|fd| fd.any().unwrap_or(false));
        return Ok(Woken {
            cgroups,
            executables,
            told,
            late: ready == 0,
        });
    }
}
