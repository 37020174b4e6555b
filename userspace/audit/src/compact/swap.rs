//! A merged segment takes the places of what it was made of.
//!
//! First the seal that says so, then the new file's name, then the old files: whatever a crash leaves, the seal tells what is to be
//! done, and the next start does it. Between the last two steps a row may stand in two files; [`segment::list`] tells only the larger.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Compacted, Merged, workshop};
use crate::AuditError;
use crate::journal::file::sync_directory;
use crate::keeper::Keeper;
use crate::retain::{mark_shipped, sealed};
use crate::seal::sealer::{digest, leaf};
use crate::seal::{Leaf, Seal, SealKind, store};
use crate::segment::{self, relative};
use crate::table::Table;

impl Keeper {
    /// Puts merged segments into their places. Without a key nothing is merged: no seal would say so.
    pub(crate) fn compact(&mut self, merged: &[Merged]) -> Result<Compacted, AuditError> {
        let directory = self.config.directory.clone();
        let Some(sealer) = &mut self.sealer else {
            return Err(AuditError::Config(
                "segments are not merged without a key: no seal would say so",
            ));
        };
        let known = sealed(&directory)?;
        let (mut made, mut replaced, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for one in merged {
            let Some(leaves) = as_sealed(&directory, one.table, &one.files, &known)? else {
                // One was deleted meanwhile, is in no seal yet, or is not what was sealed: then it is evidence.
                continue;
            };
            let mut new = leaf(&directory, one.table, &one.made)?;
            new.path = relative(&directory, &one.place);
            made.push(new.clone());
            replaced.extend(leaves);
            done.push((one, new));
        }
        if done.is_empty() {
            clear(&directory)?;
            return Ok(Compacted::default());
        }
        let told = Compacted {
            before: replaced.len(),
            after: made.len(),
        };
        sealer.compact(made, replaced)?;
        self.known = sealer.last();
        for (one, new) in done {
            place(&directory, one, &new)?;
        }
        clear(&directory)?;
        Ok(told)
    }
}

/// The leaves of what was merged, if every file still is what was sealed.
pub(super) fn as_sealed(
    directory: &Path,
    table: Table,
    files: &[PathBuf],
    known: &HashMap<String, Leaf>,
) -> Result<Option<Vec<Leaf>>, AuditError> {
    let mut leaves = Vec::with_capacity(files.len());
    for file in files {
        if !file.exists() {
            return Ok(None);
        }
        let leaf = leaf(directory, table, file)?;
        if known.get(&leaf.path) != Some(&leaf) {
            return Ok(None);
        }
        leaves.push(leaf);
    }
    Ok(Some(leaves))
}

fn place(directory: &Path, merged: &Merged, leaf: &Leaf) -> Result<(), AuditError> {
    // Before it is seen: it must not be shipped again.
    mark_shipped(directory, merged.table, (&merged.place, leaf), &merged.files)?;
    let day = merged.place.parent().unwrap_or(Path::new(""));
    std::fs::rename(&merged.made, &merged.place).map_err(AuditError::io("rename", &merged.made))?;
    sync_directory(day)?;
    remove(&merged.files, day)
}

fn remove(files: &[PathBuf], day: &Path) -> Result<(), AuditError> {
    for file in files {
        match std::fs::remove_file(file) {
            // A crash came after this one.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other.map_err(AuditError::io("remove", file))?,
        }
    }
    sync_directory(day)
}

fn clear(directory: &Path) -> Result<(), AuditError> {
    let workshop = workshop(directory);
    if workshop.exists() {
        std::fs::remove_dir_all(&workshop).map_err(AuditError::io("clear", &workshop))?;
    }
    Ok(())
}

/// Does what a crash left undone, as the last seal of a compaction says.
pub(crate) fn finish(directory: &Path) -> Result<(), AuditError> {
    let mut begun = workshop(directory).exists();
    for table in Table::ALL {
        begun |= segment::doubled(directory, table)?;
    }
    if !begun {
        return Ok(());
    }
    if let Some(seal) = last(directory)? {
        for new in &seal.segments {
            let to = directory.join(&new.path);
            let name = to.file_name().unwrap_or_default().to_string_lossy();
            let made = workshop(directory).join(format!("{}-{name}", new.table));
            let files: Vec<PathBuf> = replaced_by(&seal, new)
                .map(|leaf| directory.join(&leaf.path))
                .collect();
            if made.exists() && digest(&made)? == (new.bytes, new.sha256) {
                let Ok(table) = new.table.parse() else { continue };
                let merged = Merged {
                    table,
                    made,
                    place: to,
                    files,
                };
                place(directory, &merged, new)?;
            } else if to.exists() {
                remove(&files, to.parent().unwrap_or(Path::new("")))?;
            }
        }
    }
    clear(directory)
}

/// The last seal of a compaction.
fn last(directory: &Path) -> Result<Option<Seal>, AuditError> {
    for (_, path) in store::list(&store::directory(directory))?.into_iter().rev() {
        let seal = store::read(&path)?.seal;
        if seal.kind == SealKind::Compaction {
            return Ok(Some(seal));
        }
    }
    Ok(None)
}

/// What a segment of a compaction's seal takes the place of.
pub(crate) fn replaced_by<'a>(seal: &'a Seal, new: &'a Leaf) -> impl Iterator<Item = &'a Leaf> {
    let day = |leaf: &'a Leaf| Path::new(&leaf.path).parent();
    seal.replaced.iter().filter(move |old| {
        old.table == new.table
            && day(old) == day(new)
            && new.first_seq <= old.first_seq
            && old.last_seq <= new.last_seq
    })
}
