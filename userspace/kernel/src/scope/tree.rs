//! The cgroup hierarchy, as far as it concerns somebody.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use interdict_abi::{Scope, scope_flag};

use super::tables::Table;
use super::{Judge, Judged, Patterns, absolute, is_seen_from_below};
use crate::{CgroupRoot, KernelError, cgroup};

/// The part of the hierarchy that patterns can match, as last seen. Paths are relative to the root.
pub(super) struct Tree {
    root: PathBuf,
    /// The daemon's own cgroup, from the root.
    own: PathBuf,
    patterns: Arc<Patterns>,
    judge: Option<Arc<dyn Judge>>,
    table: Table<u64>,
    inotify: Inotify,
    watched: HashMap<WatchDescriptor, PathBuf>,
    found: BTreeMap<PathBuf, (u64, Scope)>,
}

impl Tree {
    /// Makes the literal beginnings of patterns; looks at nothing yet.
    pub(super) fn new(
        root: &CgroupRoot,
        patterns: Arc<Patterns>,
        judge: Option<Arc<dyn Judge>>,
        table: Table<u64>,
    ) -> Result<Self, KernelError> {
        let path = root.path().to_owned();
        let inotify = Inotify::init().map_err(KernelError::io("watching", &path))?;
        for literal in patterns.literals() {
            let directory = path.join(literal.strip_prefix("/").unwrap_or(literal));
            match fs::create_dir_all(&directory) {
                // Enrolled as soon as somebody who may makes it.
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::EACCES | libc::EPERM | libc::EROFS)
                    ) =>
                {
                    tracing::warn!(
                        cgroup = %directory.display(),
                        %error,
                        "this cgroup can't be made: what starts in it is out of scope for some milliseconds"
                    );
                }
                made => made.map_err(KernelError::io("creating the cgroup", &directory))?,
            }
        }
        Ok(Self {
            root: path,
            own: cgroup::own()?,
            patterns,
            judge,
            table,
            inotify,
            watched: HashMap::new(),
            found: BTreeMap::new(),
        })
    }

    /// What is enrolled, by path from the root.
    pub(super) fn found(&self) -> impl Iterator<Item = (PathBuf, u64, Scope)> + '_ {
        let found = self.found.iter();
        found.map(|(path, (id, scope))| (absolute(path), *id, *scope))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Looks at everything. What matches is enrolled as it is found; only then is removed what no longer does.
    /// `true` if that changed anything.
    pub(super) fn synchronise(&mut self) -> Result<bool, KernelError> {
        self.found.clear();
        let mut changed = self.visit(Path::new(""))?;
        let current: std::collections::BTreeSet<u64> = self.found.values().map(|(id, _)| *id).collect();
        changed |= self.table.retain(|id| current.contains(id))?;
        Ok(changed)
    }

    /// Enrols a cgroup and what is below it, and watches those below which more may appear. The watch comes before the
    /// listing, so that a cgroup made in between is seen by one or the other.
    fn visit(&mut self, relative: &Path) -> Result<bool, KernelError> {
        let directory = self.root.join(relative);
        let cgroup = absolute(relative);
        let mut changed = false;
        if let Some(scope) = self.decide(&cgroup) {
            match fs::metadata(&directory) {
                Ok(directory) => changed |= self.enrol(relative, directory.ino(), scope)?,
                Err(error) => return unless_gone(error, &directory),
            }
        }
        if self.judge.is_none() && !self.patterns.may_match_below(&cgroup) {
            return Ok(changed);
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
                changed |= self.visit(&relative.join(entry.file_name()))?;
            }
        }
        Ok(changed)
    }

    /// Whose a cgroup is: of what its path and the judge say, the workload that comes first.
    fn decide(&self, cgroup: &Path) -> Option<Scope> {
        let by_path = self.patterns.position(cgroup);
        let judged = self.judge.as_ref().and_then(|judge| judge.judge(cgroup));
        let judged = judged.filter(|Judged { workload, .. }| by_path.is_none_or(|path| *workload < path));
        if let Some(Judged { workload, certain }) = judged {
            if !self.own.starts_with(cgroup) {
                let flags = if certain { 0 } else { scope_flag::PENDING };
                let workload = self.patterns.number(workload)?;
                return Some(Scope { workload, flags });
            }
            if certain {
                tracing::error!(
                    cgroup = %cgroup.display(),
                    "a workload names the daemon's own pod or container: it is left out of scope"
                );
            }
        }
        let workload = self.patterns.number(by_path?)?;
        Some(Scope { workload, flags: 0 })
    }

    fn enrol(&mut self, relative: &Path, id: u64, scope: Scope) -> Result<bool, KernelError> {
        let changed = self.table.insert(id, scope)?;
        self.found.insert(relative.to_owned(), (id, scope));
        if changed && !is_seen_from_below(&absolute(relative)) {
            tracing::warn!(
                cgroup = %absolute(relative).display(),
                "this cgroup lies too deep: it is in scope, cgroups below it are not"
            );
        }
        Ok(changed)
    }

    /// Forgets a cgroup that was removed. It had none below it: the kernel removes only empty ones.
    fn forget(&mut self, relative: &Path) -> bool {
        self.watched.retain(|_, path| path != relative);
        let Some((id, _)) = self.found.remove(relative) else {
            return false;
        };
        // An id is never given twice: an entry that stays does no harm.
        if let Err(error) = self.table.remove(id) {
            tracing::debug!(%error, cgroup = %relative.display(), "a removed cgroup was not enrolled");
        }
        true
    }

    /// Takes what has changed; `true` if that changed who is enrolled.
    ///
    /// # Errors
    /// Nothing can be followed any more.
    pub(super) fn follow(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let mut changes = Vec::new();
        let mut overflow = false;
        match self.inotify.read_events(buffer) {
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
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        let mut changed = false;
        for (made, path) in changes {
            tracing::debug!(cgroup = %path.display(), made, "cgroup");
            if !made {
                changed |= self.forget(&path);
                continue;
            }
            match self.visit(&path) {
                Ok(enrolled) => changed |= enrolled,
                Err(error) => {
                    tracing::error!(%error, cgroup = %path.display(), "a cgroup could not be enrolled");
                }
            }
        }
        if overflow {
            tracing::warn!("changes of cgroups were missed: looking at all of them");
            match self.synchronise() {
                Ok(enrolled) => changed |= enrolled,
                Err(error) => {
                    tracing::error!(%error, "cgroups could not be enrolled after changes were missed");
                }
            }
        }
        Ok(changed)
    }
}

/// A cgroup that went while it was looked at is no error.
fn unless_gone(error: io::Error, directory: &Path) -> Result<bool, KernelError> {
    if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV)) {
        return Ok(false);
    }
    Err(KernelError::io("watching", directory)(error))
}
