//! The one writer of the journal. It takes everything that is queued, writes it as one group, makes it durable once,
//! and then completes whoever waits. What nobody waits for is looked for once a millisecond, see [`crate::bell`].
//!
//! When the disk refuses, nothing of the group counts: the file is cut back to what was acknowledged, every waiter gets
//! the error, and so does every append until a new file can be written whole. That is tried again and again.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use interdict_record::{Event, Record};
use tokio::sync::oneshot;

use crate::audit::{Shared, now};
use crate::bell::{Bell, Sleep};
use crate::entry::Entry;
use crate::handed::Batch;
use crate::journal::file::Active;
use crate::journal::reader::Limit;
use crate::journal::{FRAME_HEADER, FrameHeader};
use crate::keeper::thread::Ask;
use crate::{AuditError, Durability};

/// Bytes written at once at most, one append beyond.
const GROUP: usize = 4 << 20;
/// Bytes that count as recorded and are not durable at most.
const UNSYNCED: usize = 8 << 20;
/// How long what nothing waits for may be written and not durable, where what is waited for is made durable at once. Mostly the next
/// statement comes sooner, and one sync does for both.
const LATE: Duration = Duration::from_millis(20);
/// Length at which the next file is begun.
const FILE: u64 = 16 << 20;
/// How long after a failure the journal is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// How long what nobody waits for may lie in the queue.
const DOZE: Duration = Duration::from_millis(1);
/// Bytes that must be free before the journal counts as writable again, so that it doesn't come and go.
const ROOM: usize = 128 << 10;
/// How often the writer looks at the clock when nothing is to be made durable.
const IDLE: Duration = Duration::from_hours(1);

pub(crate) type Done = oneshot::Sender<Result<(), AuditError>>;

/// What the writer is asked.
#[derive(Debug)]
pub(crate) enum Command {
    Append {
        /// Frames whose headers have their lengths only, see [`frame`].
        frames: Vec<u8>,
        /// What is in them.
        records: Vec<Record>,
        permits: u32,
        /// Who waits; `None`: nobody does.
        done: Option<Done>,
    },
    /// Make everything before this durable.
    Flush(Done),
    /// Make everything durable and end.
    Stop,
}

/// The frames of records, with room for their headers, in which only the lengths are filled in.
pub(crate) fn frames(records: &[Record]) -> Result<Vec<u8>, AuditError> {
    let room = records.iter().map(|record| match record {
        Record::Frame(frame) => frame.payload.len().saturating_add(512),
        _ => 768,
    });
    let mut out = Vec::with_capacity(room.fold(0, usize::saturating_add));
    for record in records {
        frame(record, &mut out)?;
    }
    Ok(out)
}

fn frame(record: &Record, out: &mut Vec<u8>) -> Result<(), AuditError> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER]);
    Entry::encode_record(record, out)?;
    let length = out.len().saturating_sub(start).saturating_sub(FRAME_HEADER);
    let length = u32::try_from(length)
        .ok()
        .filter(|length| *length as usize <= crate::journal::MAX_BODY);
    let length = length.ok_or(AuditError::TooLarge {
        bytes: out.len(),
        limit: crate::journal::MAX_BODY,
    })?;
    if let Some(place) = out
        .get_mut(start..)
        .and_then(|frame| frame.first_chunk_mut::<4>())
    {
        *place = length.to_le_bytes();
    }
    Ok(())
}

impl Command {
    /// Whether somebody waits for it.
    pub(crate) fn is_urgent(&self) -> bool {
        !matches!(self, Self::Append { done: None, .. })
    }
}

#[derive(Debug)]
pub(crate) struct Writer {
    directory: PathBuf,
    durability: Durability,
    file: Active,
    shared: Arc<Shared>,
    /// The sequence of the next entry.
    next: u64,
    /// The last durable sequence.
    durable: u64,
    /// What is not known to be durable, in its order. While the journal can't be written: what counts nevertheless.
    appends: Vec<Append>,
    /// How many of those are in the file.
    written: usize,
    /// Bytes of all of those, and of those that are not in the file.
    bytes: usize,
    group: usize,
    /// Whether somebody waits for one of them.
    awaited: bool,
    flushers: Vec<Done>,
    permits: usize,
    /// When the oldest of what is written must be durable.
    deadline: Option<Instant>,
    failure: Option<Failure>,
}

/// One append.
#[derive(Debug)]
struct Append {
    /// The sequence of its first entry.
    first: u64,
    frames: Vec<u8>,
    records: Vec<Record>,
    /// Who waits for it. Without: it counts, whatever happens.
    done: Option<Done>,
}

impl From<Append> for Batch {
    fn from(append: Append) -> Self {
        Self {
            first: append.first,
            records: append.records,
            bytes: append.frames.len() as u64,
        }
    }
}

/// The journal can't be written.
#[derive(Debug)]
struct Failure {
    since: i64,
    cause: Arc<str>,
    refused: u64,
    retry: Instant,
}

impl Writer {
    pub(crate) fn new(
        directory: PathBuf,
        durability: Durability,
        file: Active,
        next: u64,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            directory,
            durability,
            file,
            shared,
            next,
            durable: next.saturating_sub(1),
            appends: Vec::new(),
            written: 0,
            bytes: 0,
            group: 0,
            awaited: false,
            flushers: Vec::new(),
            permits: 0,
            deadline: None,
            failure: None,
        }
    }

    /// Runs until told to stop, or until nobody can append any more.
    pub(crate) fn run(mut self, commands: &Receiver<Command>, bell: &Bell) {
        // Whoever asked once asks again, as a rule: a writer that had something to do dozes before it sleeps.
        let mut dozes = false;
        loop {
            let now = Instant::now();
            let wake = self
                .failure
                .as_ref()
                .map(|failure| failure.retry)
                .or(self.deadline);
            let wait = wake.map_or(IDLE, |wake| wake.saturating_duration_since(now));
            let (how, wait) = if dozes {
                (Sleep::Doze, wait.min(DOZE))
            } else {
                (Sleep::Deep, wait)
            };
            let mut next = bell.sleep(commands, how, wait);
            let mut stop = false;
            dozes = false;
            loop {
                match next {
                    Ok(Some(command)) => {
                        stop |= self.take(command);
                        dozes = true;
                    }
                    // It was woken, perhaps for something.
                    Ok(None) => {}
                    Err(TryRecvError::Disconnected) => stop = true,
                    Err(TryRecvError::Empty) => break,
                }
                if stop || self.group >= GROUP {
                    break;
                }
                next = commands.try_recv().map(Some);
            }
            self.mend(stop);
            self.commit(stop);
            if stop {
                self.file.finish();
                // Whatever was queued behind the end is refused: its sender is told by the dropped channel.
                return;
            }
        }
    }

    /// Takes a command into the group; true if it is the last.
    fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Stop => return true,
            Command::Flush(done) => self.flushers.push(done),
            Command::Append {
                mut frames,
                records,
                permits,
                done,
            } => {
                self.permits = self.permits.saturating_add(permits as usize);
                let first = self.next;
                if let Some(failure) = &mut self.failure {
                    // What nobody waits for was taken before anybody knew, and goes into the next file.
                    if done.is_some() || self.bytes.saturating_add(frames.len()) > UNSYNCED {
                        failure.refused = failure.refused.saturating_add(1);
                        if let Some(done) = done {
                            let _ = done.send(Err(AuditError::Unavailable(Arc::clone(&failure.cause))));
                        }
                        return false;
                    }
                } else {
                    self.number(&mut frames);
                    self.group = self.group.saturating_add(frames.len());
                    self.awaited |= done.is_some();
                }
                self.bytes = self.bytes.saturating_add(frames.len());
                self.appends.push(Append {
                    first,
                    frames,
                    records,
                    done,
                });
            }
        }
        false
    }

    /// Gives the frames their sequences.
    fn number(&mut self, mut frames: &mut [u8]) {
        while let Some((header, rest)) = frames.split_first_chunk_mut::<FRAME_HEADER>() {
            let length = FrameHeader::read(header)
                .map_or(0, |header| header.length)
                .min(rest.len());
            let (body, rest) = rest.split_at_mut(length);
            *header = FrameHeader::of(body, self.next, self.durable).bytes();
            self.next = self.next.saturating_add(1);
            frames = rest;
        }
    }

    /// Writes the group, makes it durable if that is due, completes the waiters.
    fn commit(&mut self, last: bool) {
        let released = std::mem::take(&mut self.permits);
        if self.failure.is_some() {
            self.fail_flushers();
        } else if let Err(error) = self.write().and_then(|()| self.sync(last)) {
            self.fail(&error);
        } else if self.file.written >= FILE && self.durable.saturating_add(1) == self.next {
            match Active::create(&self.directory, self.next, &[], 0) {
                Ok(file) => std::mem::replace(&mut self.file, file).finish(),
                Err(error) => self.fail(&error),
            }
        }
        self.shared.queue.add_permits(released);
    }

    fn write(&mut self) -> Result<(), AuditError> {
        let group = self.appends.get_mut(self.written..);
        let Some(group) = group.filter(|group| !group.is_empty()) else {
            return Ok(());
        };
        let frames = group.iter().map(|append| &*append.frames);
        self.file.write(self.group, frames)?;
        let window = match self.durability {
            Durability::Batch(window) => {
                for append in group {
                    complete(append.done.take(), &Ok(()));
                }
                self.awaited = false;
                window
            }
            Durability::Strict => LATE,
        };
        self.written = self.appends.len();
        self.group = 0;
        self.deadline.get_or_insert_with(|| Instant::now() + window);
        Ok(())
    }

    fn sync(&mut self, last: bool) -> Result<(), AuditError> {
        // In batch mode nobody waits any more.
        let due = last
            || self.awaited
            || !self.flushers.is_empty()
            || self.bytes >= UNSYNCED
            || self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if !due {
            return Ok(());
        }
        // An append may be of nothing.
        let fresh = self.durable.saturating_add(1) < self.next;
        if fresh {
            let began = Instant::now();
            self.file.sync()?;
            self.shared.syncs.record(began.elapsed());
        }
        let mut appends = std::mem::take(&mut self.appends);
        self.forget();
        let waiters: Vec<_> = appends
            .iter_mut()
            .filter_map(|append| append.done.take())
            .collect();
        self.shared.handed.give(appends.drain(..).map(Batch::from));
        self.appends = appends;
        if fresh {
            self.publish();
        }
        complete(waiters, &Ok(()));
        self.deadline = None;
        complete(self.flushers.drain(..), &Ok(()));
        Ok(())
    }

    /// What was appended is durable, or will never be.
    fn forget(&mut self) {
        self.appends.clear();
        (self.written, self.bytes, self.group, self.awaited) = (0, 0, 0, false);
    }

    /// Tells the keeper how far the journal is durable.
    fn publish(&mut self) {
        self.durable = self.next.saturating_sub(1);
        let limit = Limit {
            sequence: self.durable,
            first: self.file.first,
            offset: self.file.durable,
        };
        *self.shared.limit.lock().unwrap_or_else(PoisonError::into_inner) = limit;
        if !self.shared.rung.swap(true, Ordering::AcqRel) {
            let _ = self.shared.keeper.send(Ask::Durable);
        }
    }

    /// Refuses what somebody waits for and everything after it. What was acknowledged stays: in the file, or in `appends`.
    fn fail(&mut self, error: &AuditError) {
        let cause: Arc<str> = error.to_string().into();
        tracing::error!(
            error = &*cause,
            "the journal can't be written; statements are refused"
        );
        // Of a group that was written but not made durable, only what nobody waits for any more counts. In batch mode that is all;
        // otherwise the file is cut, and written anew with it.
        let keep = match self.durability {
            Durability::Strict => self.file.durable,
            Durability::Batch(_) => self.file.written,
        };
        // If this fails too, it is done again before anything is written.
        let _ = self.file.cut(keep);
        let appends = std::mem::take(&mut self.appends);
        self.forget();
        let mut waiters = Vec::new();
        for mut append in appends {
            match append.done.take() {
                Some(done) => waiters.push(done),
                None => {
                    self.bytes = self.bytes.saturating_add(append.frames.len());
                    self.appends.push(append);
                }
            }
        }
        self.failure = Some(Failure {
            since: now(),
            cause: Arc::clone(&cause),
            refused: waiters.len() as u64,
            retry: Instant::now() + RETRY,
        });
        // Said before the waiters hear of it: whoever sees an error sees the reason.
        self.shared
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .journal = Some(cause.to_string());
        self.shared.failed.store(true, Ordering::Release);
        complete(waiters, &Err(AuditError::Unavailable(cause)));
        self.fail_flushers();
    }

    fn fail_flushers(&mut self) {
        if let Some(failure) = &self.failure {
            let error = AuditError::Unavailable(Arc::clone(&failure.cause));
            complete(self.flushers.drain(..), &Err(error));
        }
    }

    /// Tries to leave the failed state: a new file, with what was acknowledged and a note of the outage, whole on disk.
    fn mend(&mut self, now_or_never: bool) {
        let Some(failure) = self
            .failure
            .as_mut()
            .filter(|failure| now_or_never || failure.retry <= Instant::now())
        else {
            return;
        };
        failure.retry = Instant::now() + RETRY;
        let note = Event {
            at: now(),
            kind: "gap".to_owned(),
            actor: "daemon".to_owned(),
            message: "the journal could not be written; statements were refused meanwhile".to_owned(),
            detail: [
                ("cause".to_owned(), failure.cause.to_string()),
                ("since_micros".to_owned(), failure.since.to_string()),
                ("refused_appends".to_owned(), failure.refused.to_string()),
            ]
            .into(),
        };
        if let Err(error) = self.begin_anew(note) {
            tracing::debug!(%error, "the journal still can't be written");
            return;
        }
        tracing::info!("the journal can be written again");
        self.failure = None;
        self.deadline = None;
        self.shared
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .journal = None;
        self.shared.failed.store(false, Ordering::Release);
    }

    fn begin_anew(&mut self, note: Event) -> Result<(), AuditError> {
        let first = self.durable.saturating_add(1);
        if self.appends.is_empty() {
            self.file.cut(self.file.durable)?;
        }
        let mut frames: Vec<u8> = Vec::with_capacity(self.bytes);
        for append in &self.appends {
            frames.extend_from_slice(&append.frames);
        }
        frame(&Record::Event(Box::new(note)), &mut frames)?;
        // In their order, but numbered anew: what was refused between them has gone. The note comes after.
        self.next = first;
        self.number(&mut frames);
        let file = Active::create(&self.directory, first, &frames, ROOM)?;
        let mut old = std::mem::replace(&mut self.file, file);
        if old.path() != self.file.path() {
            // The same entries are in the new file now; a reader passes over them here if this fails.
            let _ = old.cut(old.durable);
        }
        // Their numbers were others: the keeper reads them.
        self.forget();
        self.publish();
        Ok(())
    }
}

fn complete(waiters: impl IntoIterator<Item = Done>, outcome: &Result<(), AuditError>) {
    for waiter in waiters {
        // Whoever gave up waiting misses nothing.
        let _ = waiter.send(outcome.clone());
    }
}
