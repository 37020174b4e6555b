//! Keeps the table of enrolled cgroups as the hierarchy is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, PipeReader, PipeWriter, pipe};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::{fs, thread};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use interdict_abi::{Scope, entries, name};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Patterns, ScopeMap, absolute, is_seen_from_below};
use crate::{CgroupRoot, KernelError, stable_id};

/// A thread that follows the hierarchy until it is dropped. What it enrolled stays enrolled.
#[derive(Debug)]
pub(crate) struct Follower {
    patterns: Arc<Patterns>,
    /// Closing it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Brings the table up to date, and then keeps it so.
    pub(crate) fn start(root: &CgroupRoot, patterns: Patterns, map: ScopeMap) -> Result<Self, KernelError> {
        let patterns = Arc::new(patterns);
        let path = root.path().to_owned();
        let inotify = Inotify::init().map_err(KernelError::io("watching", &path))?;
        let (wake, stop) = pipe().map_err(KernelError::io("watching", &path))?;
        for literal in patterns.literals() {
            let directory = path.join(literal.strip_prefix("/").unwrap_or(literal));
            fs::create_dir_all(&directory).map_err(KernelError::io("creating the cgroup", &directory))?;
        }
        let mut tree = Tree {
            root: path,
            patterns: Arc::clone(&patterns),
            map,
            inotify,
            watched: HashMap::new(),
            enrolled: BTreeMap::new(),
        };
        tree.synchronise()?;
        let thread = thread::Builder::new()
            .name("cgroups".to_owned())
            .spawn(move || tree.follow(&wake))
            .map_err(KernelError::io("watching", root.path()))?;
        Ok(Self {
            patterns,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(crate) fn workload(&self, number: u32) -> Option<Arc<str>> {
        self.patterns.name(number)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that followed the cgroups had panicked");
        }
    }
}

/// The part of the hierarchy that patterns can match, as last seen. Paths are relative to the root.
struct Tree {
    root: PathBuf,
    patterns: Arc<Patterns>,
    map: ScopeMap,
    inotify: Inotify,
    watched: HashMap<WatchDescriptor, PathBuf>,
    enrolled: BTreeMap<PathBuf, u64>,
}

impl Tree {
    /// Looks at everything. What matches is enrolled as it is found; only then is removed what no longer does.
    fn synchronise(&mut self) -> Result<(), KernelError> {
        self.enrolled.clear();
        self.visit(Path::new(""))?;
        let current: BTreeSet<u64> = self.enrolled.values().copied().collect();
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Result<Vec<_>, _> = map.keys().collect();
        for id in known.map_err(KernelError::read(name::SCOPE))? {
            if !current.contains(&id) {
                map.remove(&id).map_err(KernelError::written(name::SCOPE))?;
            }
        }
        Ok(())
    }

    /// Enrols a cgroup and what is below it, and watches those below which more may appear. The watch comes before the
    /// listing, so that a cgroup made in between is seen by one or the other.
    fn visit(&mut self, relative: &Path) -> Result<(), KernelError> {
        let directory = self.root.join(relative);
        let cgroup = absolute(relative);
        if let Some(workload) = self.patterns.workload(&cgroup).map(stable_id) {
            match fs::metadata(&directory) {
                Ok(found) => self.enrol(relative, found.ino(), workload)?,
                Err(error) => return unless_gone(error, &directory),
            }
        }
        if !self.patterns.may_match_below(&cgroup) {
            return Ok(());
        }
        let mask = WatchMask::CREATE | WatchMask::DELETE | WatchMask::ONLYDIR;
        match self.inotify.watches().add(&directory, mask) {
            Ok(watch) => drop(self.watched.insert(watch, relative.to_owned())),
            Err(error) => return unless_gone(error, &directory),
        }
        let listing = match fs::read_dir(&directory) {
            Ok(listing) => listing,
            Err(error) => return unless_gone(error, &directory),
        };
        for entry in listing {
            // A cgroup may go while it is listed.
            let Ok(entry) = entry else { break };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.visit(&relative.join(entry.file_name()))?;
            }
        }
        Ok(())
    }

    fn enrol(&mut self, relative: &Path, id: u64, workload: u32) -> Result<(), KernelError> {
        if !is_seen_from_below(&absolute(relative)) {
            tracing::warn!(
                cgroup = %absolute(relative).display(),
                "this cgroup lies too deep: it is in scope, cgroups below it are not"
            );
        }
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(id, Scope { workload, flags: 0 }, 0)
            .map_err(|error| match &error {
                aya::maps::MapError::SyscallError(call)
                    if call.io_error.raw_os_error() == Some(libc::E2BIG) =>
                {
                    KernelError::TooMany {
                        name: name::SCOPE,
                        limit: entries::SCOPE,
                        wanted: entries::SCOPE + 1,
                    }
                }
                _ => KernelError::written(name::SCOPE)(error),
            })?;
        self.enrolled.insert(relative.to_owned(), id);
        Ok(())
    }

    /// Forgets a cgroup that was removed. It had none below it: the kernel removes only empty ones.
    fn forget(&mut self, relative: &Path) {
        self.watched.retain(|_, path| path != relative);
        if let Some(id) = self.enrolled.remove(relative) {
            let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
            // An id is never given twice: an entry that stays does no harm.
            if let Err(error) = map.remove(&id) {
                tracing::debug!(%error, cgroup = %relative.display(), "a removed cgroup was not enrolled");
            }
        }
    }

    fn follow(mut self, wake: &PipeReader) {
        let mut buffer = vec![0; 16 * 1024];
        while wait(&self.inotify, wake) {
            let mut changes = Vec::new();
            let mut overflow = false;
            match self.inotify.read_events(&mut buffer) {
                Ok(events) => {
                    for event in events {
                        overflow |= event.mask.contains(EventMask::Q_OVERFLOW);
                        if let (Some(parent), Some(name)) = (self.watched.get(&event.wd), event.name)
                            && event.mask.contains(EventMask::ISDIR)
                        {
                            changes.push((event.mask.contains(EventMask::CREATE), parent.join(name)));
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => {
                    tracing::error!(%error, "cgroups are no longer followed: restart the daemon");
                    return;
                }
            }
            for (made, path) in changes {
                tracing::debug!(cgroup = %path.display(), made, "cgroup");
                if !made {
                    self.forget(&path);
                } else if let Err(error) = self.visit(&path) {
                    tracing::error!(%error, cgroup = %path.display(), "a cgroup could not be enrolled");
                }
            }
            if overflow && let Err(error) = self.synchronise() {
                tracing::error!(%error, "cgroups could not be enrolled after changes were missed");
            }
        }
    }
}

/// Waits for a change; `false` when it is time to stop.
fn wait(inotify: &Inotify, wake: &PipeReader) -> bool {
    loop {
        let mut fds = [
            PollFd::new(inotify.as_fd(), PollFlags::POLLIN),
            PollFd::new(wake.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => {
                tracing::error!(%error, "cgroups are no longer followed: restart the daemon");
                return false;
            }
        }
        let [changed, stopped] = fds.map(|fd| fd.any().unwrap_or(false));
        if stopped {
            return false;
        }
        if changed {
            return true;
        }
    }
}

/// A cgroup that went while it was looked at is no error.
fn unless_gone(error: io::Error, directory: &Path) -> Result<(), KernelError> {
    if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV)) {
        return Ok(());
    }
    Err(KernelError::io("watching", directory)(error))
}
