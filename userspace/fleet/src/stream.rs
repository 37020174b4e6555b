//! Live streams: rows as OCSF events to where people watch, at least once, from where each one stood.
//!
//! A stream's place is a file. It is written after what was sent was acknowledged, so that a receiver that was away, or a
//! daemon that was, misses nothing; what comes twice has the same `metadata.uid`.

mod cursor;
pub(crate) mod sink;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use interdict_audit::{Row, Table, published_after};
use tokio::sync::mpsc;

use self::cursor::Cursor;
pub(crate) use self::cursor::replace;
use self::sink::{Event, Sink};
pub use self::sink::{
    HttpFormat, KafkaLogin, KafkaMechanism, KafkaSettings, SinkSettings, SyslogAddress, Token,
};
use crate::error::FleetError;
use crate::feed::{Feed, Next};
use crate::note::Notes;
use crate::ocsf::Mapper;

/// Rows in one delivery, and the bytes after which it is sent with fewer.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;
/// Pauses between tries.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After this long without a delivery that ought to be possible the record says so.
const PATIENCE: Duration = Duration::from_mins(1);

/// One stream, as the settings have it.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// What the record and metrics call it; also its file's name.
    pub name: String,
    /// Where to.
    pub sink: SinkSettings,
    /// Whose rows.
    pub tables: Vec<Table>,
    /// Whether a new stream begins with all that is on record; otherwise with what comes from now on.
    pub beginning: bool,
    /// How long without a delivery until the record says so. `None`: a minute.
    pub patience: Option<Duration>,
}

/// How a stream does, for metrics and `status`.
#[derive(Debug, Default)]
pub struct State {
    /// Rows that were acknowledged since the daemon's start.
    pub delivered: AtomicU64,
    /// Rows that the receiver refused for good.
    pub refused: AtomicU64,
    /// Rows that are complete and not acknowledged, as far as is known.
    pub lag: AtomicI64,
    /// Why the last try failed; `None`: it did not.
    error: Mutex<Option<String>>,
}

impl State {
    /// Why the last try failed; `None`: it did not.
    pub fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_error(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

/// A stream that is ready to run.
pub struct Stream {
    settings: StreamSettings,
    directory: PathBuf,
    feed: Arc<Feed>,
    mapper: Arc<Mapper>,
    notes: Notes,
    sink: Sink,
    cursor: Cursor,
    state: Arc<State>,
    /// Since when nothing could be delivered, and whether the record says so.
    failing: Option<(Instant, bool)>,
}

impl Stream {
    /// Reads the place where the stream stood. `heads`: the last row of each table that is on record. Blocking.
    ///
    /// # Errors
    /// The settings or the place can't be used.
    pub fn new(
        settings: StreamSettings,
        directory: impl Into<PathBuf>,
        feed: Arc<Feed>,
        mapper: Arc<Mapper>,
        notes: Notes,
        heads: impl Fn(Table) -> u64,
    ) -> Result<Self, FleetError> {
        let directory = directory.into();
        let path = directory.join("streams").join(format!("{}.json", settings.name));
        let (cursor, lost) = Cursor::open(path, &settings.tables, settings.beginning, heads)?;
        for (table, was, head) in lost {
            notes.tell(
                "stream_reset",
                format!(
                    "stream {} had sent row {was} of {table}, and the record ends with {head}: it goes on from there",
                    settings.name
                ),
                [("stream", settings.name.clone()), ("table", table.to_string())],
            );
        }
        Ok(Self {
            sink: Sink::new(&settings.sink)?,
            settings,
            directory,
            feed,
            mapper,
            notes,
            cursor,
            state: Arc::default(),
            failing: None,
        })
    }

    /// How it does, while it runs.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        let mut changes = self.feed.changes();
        // What was sealed while nobody was here.
        for table in self.settings.tables.clone() {
            self.catch_up(table).await;
        }
        loop {
            changes.mark_unchanged();
            let mut idle = true;
            for table in self.settings.tables.clone() {
                match self.feed.after(table, self.cursor.of(table), BATCH_ROWS) {
                    Next::Rows(rows) => {
                        idle = false;
                        self.deliver(&rows).await;
                    }
                    Next::Wait => {}
                    Next::Sealed => idle &= !self.catch_up(table).await,
                }
            }
            if idle && changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Sends what segments have. Whether there was anything.
    async fn catch_up(&mut self, table: Table) -> bool {
        let (send, mut receive) = mpsc::channel::<Result<Vec<Arc<Row>>, FleetError>>(2);
        let (directory, after) = (self.directory.clone(), self.cursor.of(table));
        let reading = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::with_capacity(BATCH_ROWS);
            let rows = match published_after(&directory, table, after) {
                Ok(rows) => rows,
                Err(error) => return drop(send.blocking_send(Err(error.into()))),
            };
            for row in rows {
                match row {
                    Ok(row) => chunk.push(Arc::new(row)),
                    Err(error) => return drop(send.blocking_send(Err(error.into()))),
                }
                if chunk.len() >= BATCH_ROWS && send.blocking_send(Ok(std::mem::take(&mut chunk))).is_err() {
                    return;
                }
            }
            drop(send.blocking_send(Ok(chunk)));
        });
        let mut any = false;
        while let Some(rows) = receive.recv().await {
            match rows {
                Ok(rows) if rows.is_empty() => {}
                Ok(rows) => {
                    any = true;
                    self.deliver(&rows).await;
                }
                Err(error) => {
                    self.failed(&error);
                    tokio::time::sleep(LONGEST_PAUSE).await;
                }
            }
        }
        let _ = reading.await;
        any
    }

    /// Sends rows of one table, for as long as it takes.
    async fn deliver(&mut self, rows: &[Arc<Row>]) {
        let mut events = Vec::new();
        let mut bytes = 0;
        for row in rows {
            let mut body = Vec::with_capacity(1024);
            if self.mapper.write(row, &mut body) {
                bytes += body.len();
                events.push(Event {
                    row: Arc::clone(row),
                    body,
                });
            }
            if bytes >= BATCH_BYTES {
                self.send(&events).await;
                self.passed(row);
                events.clear();
                bytes = 0;
            }
        }
        if !events.is_empty() {
            self.send(&events).await;
        }
        if let Some(last) = rows.last() {
            self.passed(last);
        }
    }

    /// Everything up to this row was acknowledged.
    fn passed(&mut self, row: &Row) {
        if let Err(error) = self.cursor.set(row.table, row.seq) {
            // Rows come twice after a restart: said, and no reason to stop.
            tracing::error!(stream = self.settings.name, %error, "the stream's place can't be kept");
        }
        let lag = |table: &Table| self.feed.last(*table).saturating_sub(self.cursor.of(*table));
        let lag: u64 = self.settings.tables.iter().map(lag).sum();
        self.state
            .lag
            .store(i64::try_from(lag).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    async fn send(&mut self, events: &[Event]) {
        let mut waiting: Vec<&[Event]> = vec![events];
        let mut pause = PAUSE;
        while let Some(part) = waiting.pop() {
            match self.sink.send(part).await {
                Ok(()) => {
                    self.state
                        .delivered
                        .fetch_add(part.len() as u64, Ordering::Relaxed);
                    self.recovered();
                    pause = PAUSE;
                }
                // One of them is not wanted: which one?
                Err(FleetError::Refused(_)) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(FleetError::Refused(why)) => self.refused(part, &why),
                Err(error) => {
                    self.failed(&error);
                    waiting.push(part);
                    let lag = self.settings.tables.iter();
                    let lag: u64 = lag
                        .map(|table| self.feed.last(*table).saturating_sub(self.cursor.of(*table)))
                        .sum();
                    self.state
                        .lag
                        .store(i64::try_from(lag).unwrap_or(i64::MAX), Ordering::Relaxed);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn refused(&self, part: &[Event], why: &str) {
        for event in part {
            self.state.refused.fetch_add(1, Ordering::Relaxed);
            let (table, seq) = (event.row.table, event.row.seq);
            self.notes.tell(
                "stream_refused",
                format!(
                    "stream {}: row {seq} of {table} is not wanted and was passed over: {why}",
                    self.settings.name
                ),
                [
                    ("stream", self.settings.name.clone()),
                    ("table", table.to_string()),
                    ("seq", seq.to_string()),
                ],
            );
        }
    }

    fn failed(&mut self, error: &FleetError) {
        self.state.set_error(Some(error.to_string()));
        tracing::debug!(stream = self.settings.name, %error, "a delivery failed; it is tried again");
        let (since, told) = self.failing.get_or_insert_with(|| (Instant::now(), false));
        if !*told && since.elapsed() >= self.settings.patience.unwrap_or(PATIENCE) {
            *told = true;
            self.notes.tell(
                "stream_behind",
                format!(
                    "stream {} delivers nothing, and keeps its place: {error}",
                    self.settings.name
                ),
                [("stream", self.settings.name.clone())],
            );
        }
    }

    fn recovered(&mut self) {
        if let Some((since, told)) = self.failing.take() {
            self.state.set_error(None);
            if told {
                self.notes.tell(
                    "stream_recovered",
                    format!(
                        "stream {} delivers again, after {} seconds; it misses nothing",
                        self.settings.name,
                        since.elapsed().as_secs()
                    ),
                    [("stream", self.settings.name.clone())],
                );
            }
        }
    }
}
