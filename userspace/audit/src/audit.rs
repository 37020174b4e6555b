//! The open audit: what the daemon appends to.

mod open;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use interdict_record::{Micros, Record};
use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};

use crate::bell::Bell;
use crate::commit::{self, Command};
use crate::compact::{Compacted, merge_all};
use crate::handed::Handed;
use crate::journal::reader::Limit;
use crate::keeper::thread::{Ask, Reply};
use crate::{AuditError, Because, Config, GrantState, PublicKey, Retained, Retention, Timing};

/// An open audit directory. Clones are handles to the same; the last one dropped ends it, leaving what is not sealed
/// to the journal.
#[derive(Clone, Debug)]
pub struct Audit {
    inner: Arc<Inner>,
}

/// An append that was queued. Resolves when it counts as recorded.
#[must_use = "what was appended counts as recorded only when the ticket resolves"]
#[derive(Debug)]
pub struct Ticket {
    done: oneshot::Receiver<Result<(), AuditError>>,
}

/// How the audit does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Why the journal can't be written. While this is set every append fails, so statements must be refused.
    pub journal: Option<String>,
    /// Why segments can't be sealed. The journal keeps the rows and grows meanwhile.
    pub segments: Option<String>,
}

/// What the threads and the handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Bytes that may still be queued.
    pub(crate) queue: Semaphore,
    pub(crate) failed: AtomicBool,
    pub(crate) health: Mutex<Health>,
    /// How long the disk took to make the journal durable.
    pub(crate) syncs: Timing,
    pub(crate) limit: Mutex<Limit>,
    pub(crate) handed: Handed,
    /// Whether the keeper was told already that there is more.
    pub(crate) rung: AtomicBool,
    pub(crate) keeper: Sender<Ask>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    writer: Sender<Command>,
    bell: Bell,
    directory: PathBuf,
    queue_bytes: usize,
    strict: bool,
    closed: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held for as long as the directory is ours.
    _lock: File,
}

impl Audit {
    /// Opens the directory, makes it if it is missing, and locks it. After a crash this recovers: a torn tail of the
    /// journal goes, open statements and sessions get their rows (`unknown`, `crash`, flag `recovered`), and an event of
    /// kind `recovery` says so. Blocks for as long as reading the unsealed journal takes.
    ///
    /// # Errors
    /// The directory is in use, can't be written, or holds something that must be looked at by a person first.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the settings are the audit's from here on"
    )]
    pub fn open(config: Config) -> Result<Self, AuditError> {
        open::open(&config)
    }

    /// Queues records as one unit, in order. Waits while the queue is full. Appends of one task that are awaited one
    /// after the other are recorded in that order.
    ///
    /// # Errors
    /// The journal can't be written at present, or the audit is closed.
    pub async fn append(&self, records: Vec<Record>) -> Result<Ticket, AuditError> {
        let (done, ticket) = oneshot::channel();
        self.queue(records, Some(done)).await?;
        Ok(Ticket { done: ticket })
    }

    /// As [`Self::append`], for what nothing has to wait for, such as outcomes: it is written at once, and on disk with the next
    /// append that something waits for, 20 ms later at the most (in batch mode: within its window).
    ///
    /// # Errors
    /// As of [`Self::append`].
    pub async fn note(&self, records: Vec<Record>) -> Result<(), AuditError> {
        self.queue(records, None).await
    }

    /// As [`Self::append`] and waits, if bytes must wait for one of them ([`Record::must_precede_forwarding`]) and durability is
    /// strict; as [`Self::note`] otherwise.
    ///
    /// # Errors
    /// As of [`Self::append`].
    pub async fn put(&self, records: Vec<Record>) -> Result<(), AuditError> {
        if self.inner.strict && records.iter().any(Record::must_precede_forwarding) {
            self.append(records).await?.durable().await
        } else {
            self.note(records).await
        }
    }

    async fn queue(
        &self,
        records: Vec<Record>,
        done: Option<oneshot::Sender<Result<(), AuditError>>>,
    ) -> Result<(), AuditError> {
        let inner = &*self.inner;
        inner.usable()?;
        let frames = commit::frames(&records)?;
        // One append may be larger than the whole queue: it takes all of it, then.
        let permits = u32::try_from(frames.len().clamp(1, inner.queue_bytes)).unwrap_or(u32::MAX);
        let room = inner
            .shared
            .queue
            .acquire_many(permits)
            .await
            .map_err(|_| AuditError::Closed)?;
        inner.usable()?;
        room.forget();
        inner.tell(Command::Append {
            frames,
            records,
            permits,
            done,
        })
    }

    /// Waits until everything appended before is on disk, whatever the durability.
    ///
    /// # Errors
    /// As of [`Self::append`].
    pub async fn flush(&self) -> Result<(), AuditError> {
        self.inner.usable()?;
        self.inner.flush().await
    }

    /// The grants that are not over, or not reviewed though somebody should, with what they were used for so far.
    ///
    /// # Errors
    /// The journal can't be read back, or the audit is closed.
    pub async fn grants(&self) -> Result<Vec<GrantState>, AuditError> {
        self.inner.ask(Ask::Grants).await
    }

    /// Seals all complete rows, so that Parquet readers see them.
    ///
    /// # Errors
    /// The journal or the segments can't be written.
    pub async fn rotate(&self) -> Result<(), AuditError> {
        self.flush().await?;
        self.inner.seal().await
    }

    /// Deletes the segments whose time is over at `now` and that no legal hold reaches, each with a signed receipt.
    ///
    /// # Errors
    /// There is no key, the journal can't be read back, a receipt can't be written or a file can't be removed.
    pub async fn retain(
        &self,
        retention: Retention,
        now: Micros,
        because: Because,
    ) -> Result<Retained, AuditError> {
        // What was said about holds until now counts.
        self.flush().await?;
        let what = Box::new((retention, now, because));
        self.inner.ask(|reply| Ask::Retain(what, reply)).await
    }

    /// Merges the small segments of days that are over. `shipped`: only those that an object store has confirmed.
    ///
    /// # Errors
    /// There is no key, or a file can't be read, written or removed.
    pub async fn compact(&self, now: Micros, shipped: bool) -> Result<Compacted, AuditError> {
        let directory = self.inner.directory.clone();
        let merged = tokio::task::spawn_blocking(move || merge_all(&directory, now, shipped)).await;
        let merged = merged.map_err(|_| AuditError::Closed)??;
        self.inner.ask(|reply| Ask::Compact(merged, reply)).await
    }

    /// Makes a new key, has the old one name it, and puts it in the place of the old one's file.
    ///
    /// # Errors
    /// There is no key, or a file can't be written.
    pub async fn rotate_key(&self, path: &Path) -> Result<PublicKey, AuditError> {
        self.flush().await?;
        self.inner.ask(|reply| Ask::Rotate(path.to_owned(), reply)).await
    }

    /// Ends what is open (status `unknown`, end reason `shutdown`), seals everything and stops. Appends fail from here
    /// on. Closing twice does nothing the second time.
    ///
    /// # Errors
    /// The journal or the segments can't be written; the next start recovers from the journal.
    pub async fn close(&self) -> Result<(), AuditError> {
        let inner = &*self.inner;
        if inner.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let outcome = inner.finish().await;
        inner.stop();
        outcome
    }

    /// How long the disk took, each time that the journal was made durable.
    pub fn syncs(&self) -> &Timing {
        &self.inner.shared.syncs
    }

    /// Bytes of appends that wait to be written.
    pub fn queued_bytes(&self) -> usize {
        let free = self.inner.shared.queue.available_permits();
        self.inner.queue_bytes.saturating_sub(free)
    }

    /// How the audit does, for metrics and readiness.
    pub fn health(&self) -> Health {
        self.inner
            .shared
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Inner {
    fn usable(&self) -> Result<(), AuditError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(AuditError::Closed);
        }
        if self.shared.failed.load(Ordering::Acquire) {
            let health = self.shared.health.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cause) = &health.journal {
                return Err(AuditError::Unavailable(cause.as_str().into()));
            }
        }
        Ok(())
    }

    /// Puts a command into the writer's queue.
    fn tell(&self, command: Command) -> Result<(), AuditError> {
        let urgent = command.is_urgent();
        self.writer.send(command).map_err(|_| AuditError::Closed)?;
        self.bell.ring(urgent);
        Ok(())
    }

    async fn flush(&self) -> Result<(), AuditError> {
        let (done, flushed) = oneshot::channel();
        self.tell(Command::Flush(done))?;
        flushed.await.map_err(|_| AuditError::Closed)?
    }

    async fn seal(&self) -> Result<(), AuditError> {
        self.ask(Ask::Seal).await
    }

    /// Asks the keeper.
    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, AuditError> {
        let (reply, answer) = oneshot::channel();
        self.shared
            .keeper
            .send(ask(reply))
            .map_err(|_| AuditError::Closed)?;
        answer.await.map_err(|_| AuditError::Closed)?
    }

    async fn finish(&self) -> Result<(), AuditError> {
        self.flush().await?;
        let records = self.ask(Ask::Endings).await?;
        if !records.is_empty() {
            let (done, written) = oneshot::channel();
            self.tell(Command::Append {
                frames: commit::frames(&records)?,
                records,
                permits: 0,
                done: Some(done),
            })?;
            written.await.map_err(|_| AuditError::Closed)??;
            self.flush().await?;
        }
        self.seal().await
    }

    /// Ends the threads, the writer first: it makes durable what it has.
    fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = self.tell(Command::Stop);
        for (index, thread) in threads.into_iter().enumerate() {
            if index > 0 {
                let _ = self.shared.keeper.send(Ask::Stop);
            }
            let _ = thread.join();
        }
        self.shared.queue.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Ticket {
    /// Waits until the append counts as recorded: on disk (`strict`), or written (`batch`).
    ///
    /// # Errors
    /// It was not recorded; nothing that depends on it may go on.
    pub async fn durable(self) -> Result<(), AuditError> {
        self.done.await.map_err(|_| AuditError::Closed)?
    }
}

/// The clock, in microseconds since the Unix epoch.
pub(crate) fn now() -> Micros {
    jiff::Timestamp::now().as_microsecond()
}
