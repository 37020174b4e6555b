//! Enrolment by executable: which files, as the file systems change.

mod glob;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use inotify::{EventMask, Inotify, WatchDescriptor};
use interdict_abi::{ANCESTORS, ExecutableKey, Scope, name};
use nix::sys::statfs::{BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, statfs};

use self::glob::{Part, Pattern};
use super::tables::Table;
use super::{Workload, processes};
use crate::{KernelError, stable_id};

/// The files that patterns match, in the kernel's table.
pub(super) struct Executables {
    patterns: Vec<Pattern>,
    inotify: Inotify,
    /// What a watched directory is watched for.
    watched: HashMap<WatchDescriptor, Vec<Part>>,
    found: BTreeMap<ExecutableKey, Scope>,
    /// Files that match no more and still run.
    stale: BTreeMap<ExecutableKey, Scope>,
    table: Option<Table<ExecutableKey>>,
    warned: HashSet<PathBuf>,
}

impl Executables {
    /// Compiles the patterns and looks for their files. Writes nothing.
    pub(super) fn new(workloads: &[Workload]) -> Result<Self, KernelError> {
        let mut patterns = Vec::new();
        for workload in workloads {
            for text in &workload.executables {
                patterns.push(Pattern::compile(workload, text)?);
            }
        }
        let mut this = Self {
            patterns,
            inotify: Inotify::init().map_err(KernelError::io("watching", "/"))?,
            watched: HashMap::new(),
            found: BTreeMap::new(),
            stale: BTreeMap::new(),
            table: None,
            warned: HashSet::new(),
        };
        this.find(true)?;
        Ok(this)
    }

    /// Refuses to go on if this process would be redirected because of what it or its parents run.
    pub(super) fn refuse_own(&self, workloads: &[Workload]) -> Result<(), KernelError> {
        let lineage = processes::lineage(std::process::id(), ANCESTORS);
        let by = lineage.into_iter().find_map(|pid| {
            let scope = self.found.get(&processes::executable(pid)?)?;
            Some((pid, scope.workload))
        });
        let Some((pid, number)) = by else { return Ok(()) };
        let path = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let workload = workloads
            .iter()
            .find(|workload| stable_id(&workload.name) == number);
        Err(KernelError::OwnProcessInScope {
            what: format!("executable {} (process {pid})", path.display()),
            workload: workload.map_or_else(|| number.to_string(), |workload| workload.name.clone()),
        })
    }

    /// Opens the table.
    pub(super) fn open(&mut self, maps: &Path) -> Result<(), KernelError> {
        self.table = Table::executables(maps)?;
        if self.table.is_none() && !self.patterns.is_empty() {
            return Err(KernelError::Missing(name::EXECUTABLE));
        }
        Ok(())
    }

    /// What is enrolled, with files that were replaced and still run.
    pub(super) fn entries(&self) -> impl Iterator<Item = (ExecutableKey, Scope)> + '_ {
        self.table.iter().flat_map(Table::entries)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Whether some files are kept only because they run.
    pub(super) fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Makes the table hold what matches, and what matched and still runs. `true` if that changed anything.
    pub(super) fn synchronise(&mut self) -> Result<bool, KernelError> {
        let Some(table) = &mut self.table else {
            return Ok(false);
        };
        let mut changed = false;
        for (file, scope) in &self.found {
            changed |= table.insert(*file, *scope)?;
        }
        let ours: BTreeSet<u32> = self.patterns.iter().map(|pattern| pattern.workload).collect();
        let gone: Vec<_> = table
            .entries()
            .filter(|(file, _)| !self.found.contains_key(file))
            .collect();
        self.stale.clear();
        if !gone.is_empty() {
            let running = processes::executables();
            let kept = |(file, scope): &(ExecutableKey, Scope)| {
                running.contains(file) && ours.contains(&scope.workload)
            };
            self.stale.extend(gone.into_iter().filter(kept));
        }
        changed |= table.retain(|file| self.found.contains_key(file) || self.stale.contains_key(file))?;
        Ok(changed)
    }

    /// Removes files that were replaced and run no more.
    pub(super) fn forget_stale(&mut self) -> Result<bool, KernelError> {
        self.synchronise()
    }

    /// Takes what has changed in the watched directories; `true` if that changed who is enrolled.
    pub(super) fn follow(&mut self, buffer: &mut [u8]) -> Result<bool, KernelError> {
        let mut concerned = false;
        match self.inotify.read_events(buffer) {
            Ok(events) => {
                for event in events {
                    concerned |= event.mask.contains(EventMask::Q_OVERFLOW)
                        || self.watched.get(&event.wd).is_some_and(|parts| {
                            event
                                .name
                                .is_none_or(|name| parts.iter().any(|part| part.matches(name)))
                        });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(KernelError::io("watching", "executables")(error)),
        }
        if !concerned {
            return Ok(false);
        }
        self.find(false)?;
        self.synchronise()
    }

    /// Looks for the patterns' files. At first a missing file without a wildcard is an error, later it is none: it may
    /// be being replaced.
    fn find(&mut self, first: bool) -> Result<(), KernelError> {
        self.watched.clear();
        self.found.clear();
        let patterns = std::mem::take(&mut self.patterns);
        let result = patterns.iter().try_for_each(|pattern| {
            let files = self.walk(pattern)?;
            if files.is_empty() && first {
                pattern.missing()?;
            }
            let scope = Scope {
                workload: pattern.workload,
                flags: 0,
            };
            for (path, file) in files {
                self.warn_of(&path);
                self.found.entry(file).or_insert(scope);
            }
            Ok(())
        });
        self.patterns = patterns;
        result
    }

    /// Says, once, of a file that the programs can't or won't recognise.
    fn warn_of(&mut self, path: &Path) {
        if self.warned.contains(path) {
            return;
        }
        let kind = statfs(path).map(|found| found.filesystem_type());
        if matches!(kind, Ok(OVERLAYFS_SUPER_MAGIC | BTRFS_SUPER_MAGIC)) {
            tracing::warn!(
                executable = %path.display(),
                "this file's numbers are not those that the kernel runs it under (overlayfs, btrfs): it may not be \
                 recognised; enrol what runs it by cgroup, unit or container"
            );
        } else if is_script(path) {
            tracing::warn!(
                executable = %path.display(),
                "this is a script: what runs is its interpreter, so it is not recognised; enrol it by cgroup or unit"
            );
        } else {
            return;
        }
        self.warned.insert(path.to_owned());
    }
}

fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok_and(|()| start == *b"#!")
}

#[cfg(test)]
mod tests;
