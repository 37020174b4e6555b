//! The keeper follows the journal, folds it into rows, and seals them as Parquet. It knows nothing that the journal
//! and the checkpoint don't say, so it can start over from them at any time: at start, and after an error. What the journal's writer
//! hands over it does not have to read there.

pub(crate) mod thread;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use interdict_record::Record;

use crate::compact::swap;
use crate::entry::Entry;
use crate::fold::Fold;
use crate::handed::Batch;
use crate::journal::reader::{Gap, Item, Limit, Reader};
use crate::journal::{self, FRAME_HEADER, file::sync_directory};
use crate::row::Row;
use crate::seal::sealer::{SealAt, Sealer};
use crate::segment::build::{Builder, make_directory};
use crate::segment::{self, read};
use crate::table::Table;
use crate::value::Hash;
use crate::{AuditError, Config, checkpoint};

/// Entries, and bytes of journal, after which the keeper lets others have its core. What it does can wait; a session's thread that
/// woke up behind it, with a client waiting, would have to wait for all of it.
const STEP: u32 = 32;
const STEP_BYTES: u64 = 128 << 10;

/// When to seal.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    rows: u64,
    age: std::time::Duration,
    bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) config: Config,
    directory: PathBuf,
    bounds: Bounds,
    /// The last seal that the checkpoint knows of.
    pub(crate) known: Option<SealAt>,
    /// `None`: there is no key.
    pub(crate) sealer: Option<Sealer>,
    pub(crate) fold: Fold,
    /// `None`: what came last was handed over.
    reader: Option<Reader>,
    builder: Builder,
    /// Rows after the checkpoint that are in Parquet already: a crash came between a seal and its checkpoint.
    sealed: Sealed,
    /// Journal files with a gap: kept when their time comes.
    damaged: BTreeSet<PathBuf>,
    pub(crate) gaps: Vec<Gap>,
    /// Journal bytes taken in since the last seal.
    bytes: u64,
    /// Entries and bytes since others had the core.
    step: (u32, u64),
    rows: Vec<Row>,
}

/// Sealed rows by their place, each with its hash and file.
type Sealed = HashMap<(Table, u64), (Hash, PathBuf)>;

/// How a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    /// Bytes that were never acknowledged, from this offset on.
    Torn {
        path: PathBuf,
        offset: u64,
    },
}

impl Keeper {
    /// Starts from the checkpoint.
    pub(crate) fn open(config: &Config) -> Result<Self, AuditError> {
        let journal = journal::directory(&config.directory);
        let (fold, known) = match checkpoint::read(&journal)? {
            Some(checkpoint) => (Some(checkpoint.fold), checkpoint.seal),
            None => (None, None),
        };
        let files = journal::list(&journal).map_err(AuditError::io("list", &journal))?;
        if fold.is_none() && files.first().is_some_and(|(first, _)| *first != 1) {
            let path = checkpoint::path(&journal);
            return Err(AuditError::damaged(
                &path,
                "it is missing, and the journal's beginning is sealed already",
            ));
        }
        let fresh = fold.is_none() && files.is_empty();
        let fold = fold.unwrap_or_default();
        let published = sealed(&config.directory, &fold)?;
        if fresh && !published.is_empty() {
            return Err(AuditError::damaged(
                &journal,
                "the journal is missing, but there are segments",
            ));
        }
        if config.seals.is_some() {
            swap::finish(&config.directory)?;
        }
        let sealer = match &config.seals {
            Some(seals) => Some(Sealer::open(config, seals, known)?),
            None => None,
        };
        // A new chain begins once, whatever happens after.
        let mut config = config.clone();
        if let Some(seals) = &mut config.seals {
            (seals.new_chain, seals.previous) = (None, None);
        }
        Ok(Self {
            directory: config.directory.clone(),
            known,
            sealer,
            bounds: Bounds {
                rows: config.segment_rows,
                age: config.segment_age,
                bytes: config.segment_bytes,
            },
            reader: None,
            builder: Builder::new(&config.directory, &config.host)?,
            fold,
            sealed: published,
            damaged: BTreeSet::new(),
            gaps: Vec::new(),
            bytes: 0,
            step: (0, 0),
            rows: Vec::new(),
            config,
        })
    }

    /// Starts over, forgetting what is only in memory.
    fn reopen(&mut self) -> Result<(), AuditError> {
        *self = Self::open(&self.config.clone())?;
        Ok(())
    }

    /// Takes in the journal up to the limit, sealing whenever a segment is full. Without a limit: to the journal's end. What is in
    /// `handed` is not read there.
    pub(crate) fn follow(
        &mut self,
        limit: Option<Limit>,
        handed: impl IntoIterator<Item = Batch>,
    ) -> Result<End, AuditError> {
        for batch in handed {
            let before = batch.first.saturating_sub(1);
            if let Some(limit) = limit.filter(|_| self.fold.sequence < before) {
                self.read(Some(Limit {
                    sequence: before,
                    ..limit
                }))?;
            }
            self.take(batch)?;
        }
        if limit.is_some_and(|limit| self.fold.sequence >= limit.sequence) {
            return Ok(End::Whole);
        }
        self.read(limit)
    }

    /// Takes in what was handed over.
    fn take(&mut self, batch: Batch) -> Result<(), AuditError> {
        // Its place would not be after this; and a file that it holds open would stay when it is removed.
        self.reader = None;
        for (sequence, record) in (batch.first..).zip(batch.records) {
            // What a restart would read there is the same.
            debug_assert_eq!(written(&record), Ok(Entry::Record(record.clone())));
            self.fold.apply(sequence, Entry::Record(record), &mut self.rows);
            self.keep()?;
            self.took(1, 0);
        }
        self.took(0, batch.bytes);
        self.seal_if_full()
    }

    /// Takes in the journal's files.
    fn read(&mut self, limit: Option<Limit>) -> Result<End, AuditError> {
        let next = self.fold.sequence.saturating_add(1);
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&journal::directory(&self.directory), next)?,
        };
        let end = self.read_by(&mut reader, limit);
        self.reader = Some(reader);
        end
    }

    fn read_by(&mut self, reader: &mut Reader, limit: Option<Limit>) -> Result<End, AuditError> {
        loop {
            match reader.next(limit)? {
                Item::Entry(sequence) if sequence <= self.fold.sequence => {}
                Item::Entry(sequence) => {
                    let body = reader.body();
                    let length = body.len().saturating_add(FRAME_HEADER) as u64;
                    let entry = Entry::decode(body).map_err(|what| {
                        let journal = journal::directory(&self.directory);
                        AuditError::damaged(&journal, format!("sequence {sequence} is {what}"))
                    })?;
                    self.fold.apply(sequence, entry, &mut self.rows);
                    self.keep()?;
                    self.took(1, length);
                }
                Item::Gap(gap) => {
                    self.damaged.insert(gap.path.clone());
                    self.fold.gap(&gap, &mut self.rows);
                    self.gaps.push(gap);
                    self.keep()?;
                }
                Item::Torn { path, .. } if limit.is_some() => {
                    return Err(AuditError::damaged(&path, "what was durable does not read back"));
                }
                Item::Torn { path, offset } => return Ok(End::Torn { path, offset }),
                Item::End => return Ok(End::Whole),
            }
            self.seal_if_full()?;
        }
    }

    /// Counts what was taken in, and yields now and then.
    fn took(&mut self, entries: u32, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        let (so_far, bytes_so_far) = self.step;
        self.step = (so_far.saturating_add(entries), bytes_so_far.saturating_add(bytes));
        if self.step.0 >= STEP || self.step.1 >= STEP_BYTES {
            self.step = (0, 0);
            std::thread::yield_now();
        }
    }

    fn seal_if_full(&mut self) -> Result<(), AuditError> {
        if self.builder.rows >= self.bounds.rows || self.bytes >= self.bounds.bytes {
            self.seal()
        } else {
            Ok(())
        }
    }

    /// The sequence that the journal goes on with.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.fold.sequence.saturating_add(1)
    }

    /// Hands the new rows to the builder, but for those that are in Parquet already.
    fn keep(&mut self) -> Result<(), AuditError> {
        for row in self.rows.drain(..) {
            self.config.observers.row(&row);
            if let Some(sealer) = &mut self.sealer {
                sealer.see(&row);
            }
            match self.sealed.remove(&(row.table, row.seq)) {
                None => self.builder.push(&row)?,
                Some((hash, _)) if hash == row.hash => {}
                Some((_, path)) => {
                    let what = format!("row {} is not the one that the journal holds", row.seq);
                    return Err(AuditError::damaged(&path, what));
                }
            }
        }
        Ok(())
    }

    /// After a replay: every sealed row was met again. Otherwise the journal has lost what was once durable.
    pub(crate) fn check_sealed(&self) -> Result<(), AuditError> {
        match self.sealed.iter().min_by_key(|((_, seq), _)| *seq) {
            None => Ok(()),
            Some(((_, seq), (_, path))) => Err(AuditError::damaged(
                path,
                format!("the journal ends before row {seq}, which is sealed here"),
            )),
        }
    }

    /// How long until the oldest row must be sealed.
    fn patience(&self) -> Option<std::time::Duration> {
        if self.sealer.as_ref().is_some_and(Sealer::is_behind) {
            return Some(std::time::Duration::ZERO);
        }
        self.builder
            .since
            .map(|since| self.bounds.age.saturating_sub(since.elapsed()))
    }

    /// Publishes the complete rows, seals them, writes the checkpoint, and lets go of the journal before it. In this order: until
    /// the checkpoint says that rows are sealed, the journal has them, and a restart finds what is left to do.
    pub(crate) fn seal(&mut self) -> Result<(), AuditError> {
        let published = self.builder.publish()?;
        if let Some(sealer) = &mut self.sealer {
            sealer.publish(published, &self.fold)?;
        }
        self.checkpoint()?;
        self.config.observers.published();
        self.bytes = 0;
        self.prune(&journal::directory(&self.directory))
    }

    /// Writes down where everything stands. Only where all rows of the fold are published and sealed.
    fn checkpoint(&mut self) -> Result<(), AuditError> {
        if let Some(last) = self.sealer.as_ref().and_then(Sealer::last) {
            self.known = Some(last);
        }
        checkpoint::write(&journal::directory(&self.directory), &self.fold, self.known)
    }

    /// Removes the journal files of which nothing is needed: another begins at or before the checkpoint's next entry.
    fn prune(&mut self, journal: &Path) -> Result<(), AuditError> {
        let files = journal::list(journal).map_err(AuditError::io("list", journal))?;
        let needed = self.fold.sequence.saturating_add(1);
        let mut changed = false;
        for ((_, path), (following, _)) in files.iter().zip(files.iter().skip(1)) {
            if *following > needed {
                break;
            }
            if self.damaged.remove(path) {
                let kept = journal::damaged_directory(&self.directory);
                make_directory(&kept, 0o700)?;
                let target = kept.join(path.file_name().unwrap_or_default());
                std::fs::rename(path, &target).map_err(AuditError::io("set aside", path))?;
                sync_directory(&kept)?;
            } else {
                std::fs::remove_file(path).map_err(AuditError::io("remove", path))?;
            }
            changed = true;
        }
        if changed { sync_directory(journal) } else { Ok(()) }
    }
}

/// A record as it comes back from the journal.
fn written(record: &Record) -> Result<Entry, String> {
    let mut body = Vec::new();
    Entry::encode_record(record, &mut body).map_err(|error| error.to_string())?;
    Entry::decode(&body)
}

/// What is in Parquet of the rows after the checkpoint.
fn sealed(directory: &Path, fold: &Fold) -> Result<Sealed, AuditError> {
    let mut sealed = HashMap::new();
    for table in Table::ALL {
        let head = fold.head(table).seq;
        for segment in segment::list(directory, table)?.0 {
            if segment.last <= head {
                continue;
            }
            for (seq, hash) in read::chain(&segment.path)? {
                if seq > head {
                    sealed.insert((table, seq), (hash, segment.path.clone()));
                }
            }
        }
    }
    Ok(sealed)
}
