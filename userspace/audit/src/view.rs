//! The journal as a reader beside the daemon sees it: replayed from the checkpoint, nothing changed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::entry::Entry;
use crate::fold::Fold;
use crate::journal::reader::{Gap, Item, Reader};
use crate::row::Row;
use crate::seal::sealer::SealAt;
use crate::table::Table;
use crate::{AuditError, checkpoint, journal};

/// How often a reader starts over because the daemon sealed meanwhile.
const TRIES: usize = 20;

/// The unsealed end of the record.
#[derive(Clone, Debug)]
pub(crate) struct View<T> {
    /// As of the checkpoint. `None`: there is none.
    pub(crate) checkpoint: Option<Fold>,
    /// The last seal that the checkpoint knows of.
    pub(crate) seal: Option<SealAt>,
    /// As of the journal's end.
    pub(crate) fold: Fold,
    /// What `keep` made of the rows that came after the checkpoint.
    pub(crate) rows: Vec<T>,
    pub(crate) gaps: Vec<Gap>,
    /// Bytes at the end that were never acknowledged (or are being written at this moment).
    pub(crate) torn: Option<(PathBuf, u64)>,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    /// Whether the journal's beginning is missing: there is no checkpoint to start from.
    pub(crate) headless: bool,
}

impl<T> View<T> {
    /// Rows of the table up to this one are in segments.
    pub(crate) fn sealed(&self, table: Table) -> u64 {
        self.checkpoint.as_ref().map_or(0, |fold| fold.head(table).seq)
    }
}

/// Replays the journal. `None` if the directory has none (a copy of the segments alone).
pub(crate) fn read<T>(
    directory: &Path,
    keep: impl Fn(Row) -> Option<T>,
) -> Result<Option<View<T>>, AuditError> {
    let journal = journal::directory(directory);
    if !journal.is_dir() {
        return Ok(None);
    }
    let mut tries: usize = 0;
    loop {
        let start = modified(&journal);
        let view = attempt(&journal, &keep);
        // The daemon sealed while we read: files that we had yet to read may be gone.
        let moved = modified(&journal) != start;
        let lost =
            matches!(&view, Err(AuditError::Io { source, .. }) if source.kind() == ErrorKind::NotFound);
        if (!moved && !lost) || tries >= TRIES {
            return view.map(Some);
        }
        tries = tries.saturating_add(1);
    }
}

/// What changes with every checkpoint: it is a new file each time.
fn modified(journal: &Path) -> Option<(u64, std::time::SystemTime)> {
    use std::os::unix::fs::MetadataExt as _;
    let facts = std::fs::metadata(checkpoint::path(journal)).ok()?;
    Some((facts.ino(), facts.modified().ok()?))
}

fn attempt<T>(journal: &Path, keep: &impl Fn(Row) -> Option<T>) -> Result<View<T>, AuditError> {
    let (checkpoint, seal) = match checkpoint::read(journal)? {
        Some(checkpoint) => (Some(checkpoint.fold), checkpoint.seal),
        None => (None, None),
    };
    let files = journal::list(journal).map_err(AuditError::io("list", journal))?;
    let bytes = files
        .iter()
        .filter_map(|(_, path)| Some(std::fs::metadata(path).ok()?.len()))
        .sum();
    let headless = checkpoint.is_none() && files.first().is_some_and(|(first, _)| *first != 1);
    let mut fold = checkpoint.clone().unwrap_or_default();
    let mut reader = Reader::open(journal, fold.sequence.saturating_add(1))?;
    let (mut rows, mut kept, mut gaps, mut torn) = (Vec::new(), Vec::new(), Vec::new(), None);
    loop {
        if headless {
            // Nothing says where the chains stood.
            break;
        }
        match reader.next(None)? {
            Item::Entry(sequence) => {
                if sequence > fold.sequence {
                    let entry = Entry::decode(reader.body()).map_err(|what| {
                        AuditError::damaged(journal, format!("sequence {sequence} is {what}"))
                    })?;
                    fold.apply(sequence, entry, &mut rows);
                }
            }
            Item::Gap(gap) => {
                fold.gap(&gap, &mut rows);
                gaps.push(gap);
            }
            Item::Torn { path, offset } => torn = Some((path, offset)),
            Item::End => break,
        }
        kept.extend(rows.drain(..).filter_map(keep));
    }
    Ok(View {
        checkpoint,
        seal,
        fold,
        rows: kept,
        gaps,
        torn,
        files: files.len(),
        bytes,
        headless,
    })
}
