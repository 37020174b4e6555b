//! From a pattern to its files, watching every directory on the way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use inotify::WatchMask;
use interdict_abi::ExecutableKey;

use super::Executables;
use super::glob::{Part, Pattern};
use crate::KernelError;
use crate::scope::processes;

/// How many directories one pattern may reach.
const DIRECTORIES: usize = 4096;

/// Where a walk is.
struct Walk<'a> {
    pattern: &'a Pattern,
    directories: usize,
    files: Vec<(PathBuf, ExecutableKey)>,
}

impl Executables {
    /// The files that a pattern matches now.
    pub(super) fn walk(&mut self, pattern: &Pattern) -> Result<Vec<(PathBuf, ExecutableKey)>, KernelError> {
        let mut walk = Walk {
            pattern,
            directories: 0,
            files: Vec::new(),
        };
        self.step(Path::new("/"), &pattern.parts, &mut walk)?;
        Ok(walk.files)
    }

    /// The directory is watched before it is read, so that a file made in between is seen by one or the other.
    fn step(&mut self, directory: &Path, parts: &[Part], walk: &mut Walk<'_>) -> Result<(), KernelError> {
        let Some((part, rest)) = parts.split_first() else {
            return Ok(());
        };
        walk.directories = walk.directories.saturating_add(1);
        if walk.directories > DIRECTORIES {
            return Err(walk
                .pattern
                .fault(&format!("reaches more than {DIRECTORIES} directories: narrow it")));
        }
        if !self.watch(directory, part)? {
            return Ok(());
        }
        if let Part::Literal(name) = part {
            return self.entry(&directory.join(name), rest, walk);
        }
        if matches!(part, Part::Any) {
            self.step(directory, rest, walk)?;
        }
        // It may be gone again, or be no directory.
        let Ok(listing) = fs::read_dir(directory) else {
            return Ok(());
        };
        for entry in listing.flatten() {
            if !part.matches(&entry.file_name()) {
                continue;
            }
            if !matches!(part, Part::Any) {
                self.entry(&entry.path(), rest, walk)?;
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.step(&entry.path(), parts, walk)?;
            }
        }
        Ok(())
    }

    /// One name that matched: a file if the pattern ends here, else a directory to go on in.
    fn entry(&mut self, path: &Path, rest: &[Part], walk: &mut Walk<'_>) -> Result<(), KernelError> {
        if let Ok(target) = fs::read_link(path) {
            self.watch_target(path, &target)?;
        }
        let Ok(found) = fs::metadata(path) else {
            return Ok(());
        };
        if found.is_dir() {
            return self.step(path, rest, walk);
        }
        if rest.is_empty() && found.is_file() {
            walk.files.push((path.to_owned(), processes::key(&found)));
        }
        Ok(())
    }

    /// What a link points to may be replaced where it is.
    fn watch_target(&mut self, link: &Path, target: &Path) -> Result<(), KernelError> {
        let target = link.parent().unwrap_or(link).join(target);
        let target = fs::canonicalize(&target).unwrap_or(target);
        if let (Some(directory), Some(name)) = (target.parent(), target.file_name()) {
            self.watch(directory, &Part::Literal(name.to_owned()))?;
        }
        Ok(())
    }

    /// `false`: there is no such directory.
    fn watch(&mut self, directory: &Path, part: &Part) -> Result<bool, KernelError> {
        let mask = WatchMask::CREATE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::DELETE
            | WatchMask::ONLYDIR;
        match self.inotify.watches().add(directory, mask) {
            Ok(watch) => {
                self.watched.entry(watch).or_default().push(part.clone());
                Ok(true)
            }
            Err(error) if is_no_directory(&error) => Ok(false),
            Err(error) => Err(KernelError::io("watching", directory)(error)),
        }
    }
}

fn is_no_directory(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::EACCES)
    )
}
