//! The work of verification, on all cores: files are hashed, rows decoded and hashed by threads of their own, ahead of the walk that
//! puts them in order.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::sealed::Digests;
use super::{Link, Options};
use crate::AuditError;
use crate::seal::sealer;
use crate::segment::hashing::Columns;
use crate::segment::read::{self, Group};
use crate::table::Table;
use crate::value::Hash;

/// A row as the walk needs it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) link: Link,
    /// The hash of the cells.
    pub(super) computed: Hash,
    pub(super) at: Option<i64>,
}

/// A row, one whose `seq` or hashes can't be read, or why the rest of a group can't be read.
type Decoded = Result<Option<Row>, AuditError>;
type Batch = Vec<Decoded>;

/// Row groups decoded ahead of the walk, for each thread: what bounds memory.
const AHEAD: usize = 2;

struct Job {
    table: Table,
    path: PathBuf,
    group: usize,
    to: Sender<Batch>,
}

#[derive(Default)]
struct Queue {
    jobs: std::collections::VecDeque<Job>,
    closed: bool,
}

pub(super) struct Work {
    files: Vec<PathBuf>,
    hash: bool,
    quick: bool,
    progress: Option<Arc<dyn Fn(u64, u64) + Send + Sync>>,
    total: u64,
    done: AtomicU64,
    next: AtomicUsize,
    queue: Arc<(Mutex<Queue>, Condvar)>,
    threads: usize,
    /// Segments whose groups were asked for before their turn.
    begun: Mutex<HashMap<PathBuf, Rows>>,
}

/// The rows of one segment, in its order.
pub(super) struct Rows {
    table: Table,
    path: PathBuf,
    groups: usize,
    asked: usize,
    waiting: std::collections::VecDeque<Receiver<Batch>>,
    batch: std::vec::IntoIter<Decoded>,
    queue: Arc<(Mutex<Queue>, Condvar)>,
    ahead: usize,
}

impl Work {
    pub(super) fn new(options: &Options, files: Vec<PathBuf>, hash: bool) -> Result<Self, AuditError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let total = match &options.progress {
            None => 0,
            Some(_) if options.quick => files
                .iter()
                .filter_map(|path| Some(std::fs::metadata(path).ok()?.len()))
                .sum(),
            Some(_) => files
                .iter()
                .filter_map(|path| u64::try_from(read::metadata(path).ok()?.1).ok())
                .sum(),
        };
        let work = Self {
            files,
            hash,
            quick: options.quick,
            progress: options.progress.clone(),
            total,
            done: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            queue: Arc::default(),
            threads,
            begun: Mutex::default(),
        };
        if !options.quick {
            for index in 0..threads {
                let queue = Arc::clone(&work.queue);
                let run = move || decode_all(&queue);
                let builder = std::thread::Builder::new().name(format!("verify-{index}"));
                builder
                    .spawn(run)
                    .map_err(AuditError::io("start threads for", Path::new("verification")))?;
            }
        }
        Ok(work)
    }

    /// Hashes all files, as many at once as there are cores.
    pub(super) fn digests(&self) -> Digests {
        if !self.hash {
            return Digests::new();
        }
        let all = Mutex::new(Digests::new());
        // While rows are decoded as well one thread is enough: it has far less to do.
        let threads = if self.quick { self.threads } else { 1 };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(path) = self.files.get(self.next.fetch_add(1, Ordering::Relaxed)) {
                        let digest = sealer::digest(path).map_err(|error| error.to_string());
                        if self.quick
                            && let Ok((bytes, _)) = &digest
                        {
                            self.add(*bytes);
                        }
                        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                        all.insert(path.clone(), digest);
                    }
                });
            }
        });
        all.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row is done.
    pub(super) fn tick(&self) {
        self.add(1);
    }

    fn add(&self, count: u64) {
        let done = self
            .done
            .fetch_add(count, Ordering::Relaxed)
            .saturating_add(count);
        if let Some(progress) = &self.progress
            && (count > 1 || done.is_multiple_of(8192) || done == self.total)
        {
            progress(done, self.total);
        }
    }

    /// The rows of a segment; those of the segments that come next are begun as well.
    pub(super) fn rows<'a>(
        &self,
        table: Table,
        path: &Path,
        ahead: impl Iterator<Item = &'a Path>,
    ) -> Result<Rows, AuditError> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = match begun.remove(path) {
            Some(rows) => rows,
            None => self.begin(table, path)?,
        };
        for path in ahead.take(self.threads.saturating_mul(AHEAD)) {
            if !begun.contains_key(path)
                && let Ok(mut rows) = self.begin(table, path)
            {
                rows.ask(1);
                begun.insert(path.to_owned(), rows);
            }
        }
        Ok(rows)
    }

    fn begin(&self, table: Table, path: &Path) -> Result<Rows, AuditError> {
        let ahead = self.threads.saturating_mul(AHEAD);
        Ok(Rows {
            table,
            path: path.to_owned(),
            groups: read::groups(path)?,
            asked: 0,
            waiting: std::collections::VecDeque::new(),
            batch: Vec::new().into_iter(),
            queue: Arc::clone(&self.queue),
            ahead,
        })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let (queue, more) = &*self.queue;
        queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        more.notify_all();
    }
}

impl Rows {
    /// Has so many groups under way.
    fn ask(&mut self, count: usize) {
        while self.asked < self.groups && self.waiting.len() < count {
            let (to, from) = channel();
            let job = Job {
                table: self.table,
                path: self.path.clone(),
                group: self.asked,
                to,
            };
            let (queue, more) = &*self.queue;
            queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .jobs
                .push_back(job);
            more.notify_one();
            self.asked = self.asked.saturating_add(1);
            self.waiting.push_back(from);
        }
    }
}

impl Iterator for Rows {
    type Item = Decoded;

    fn next(&mut self) -> Option<Decoded> {
        loop {
            if let Some(row) = self.batch.next() {
                return Some(row);
            }
            self.ask(self.ahead);
            let next = self.waiting.pop_front()?;
            let lost = || {
                let error = AuditError::damaged(&self.path, "decoding it ended in a defect of this program");
                vec![Err(error)]
            };
            self.batch = next.recv().unwrap_or_else(|_| lost()).into_iter();
        }
    }
}

fn decode_all(queue: &(Mutex<Queue>, Condvar)) {
    let (queue, more) = queue;
    loop {
        let job = {
            let mut guard = queue.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                if guard.closed {
                    return;
                }
                if let Some(job) = guard.jobs.pop_front() {
                    break job;
                }
                guard = more.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
        };
        // Nobody waits for it any more where the walk has ended.
        let _ = job.to.send(decode(job.table, &job.path, job.group));
    }
}

fn decode(table: Table, path: &Path, group: usize) -> Batch {
    let mut rows = Vec::new();
    let read = Group::open(path, group).and_then(|mut group| {
        let mut scratch = Vec::new();
        while let Some(batch) = group.next()? {
            let columns = Columns::new(table, &batch)
                .ok_or_else(|| AuditError::damaged(path, "a column of an unknown type"))?;
            rows.extend((0..batch.num_rows()).map(|row| {
                let computed = columns.hash(row, &mut scratch);
                Ok(columns.link(row).map(|(seq, previous, hash)| Row {
                    seq,
                    link: Link { previous, hash },
                    computed,
                    at: columns.at(row),
                }))
            }));
        }
        Ok(())
    });
    if let Err(error) = read {
        rows.push(Err(error));
    }
    rows
}
