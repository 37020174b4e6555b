//! An audit with a stream of it, and how to wait for what comes out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interdict_audit::{Audit, Observer, Table, stats};
use interdict_fleet::ocsf::Mapper;
use interdict_fleet::stream::{SinkSettings, Stream, StreamSettings};
use interdict_fleet::{Feed, Note, Notes};
use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::support::{append, open, session_started, statement};

/// An audit with a stream of it.
pub(crate) struct Stage {
    pub(crate) directory: tempfile::TempDir,
    feed: Arc<Feed>,
    audit: Option<Audit>,
    pub(crate) notes: Option<mpsc::Receiver<Note>>,
    running: Option<tokio::task::JoinHandle<()>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut stage = Self {
            directory,
            feed: Arc::default(),
            audit: None,
            notes: None,
            running: None,
        };
        stage.open();
        stage
    }

    /// Another start of the daemon.
    pub(crate) fn open(&mut self) {
        self.feed = Arc::default();
        let feed = Arc::clone(&self.feed) as Arc<dyn Observer>;
        self.audit = Some(open(self.directory.path(), [feed]));
    }

    pub(crate) fn audit(&self) -> &Audit {
        self.audit.as_ref().unwrap()
    }

    pub(crate) fn stream(&mut self, sink: SinkSettings) {
        let (notes, noted) = Notes::channel();
        self.notes = Some(noted);
        let settings = StreamSettings {
            name: "test".into(),
            sink,
            tables: Table::ALL
                .into_iter()
                .filter(|table| Mapper::has(*table))
                .collect(),
            beginning: true,
            patience: Some(Duration::from_millis(500)),
        };
        let ends = stats(self.directory.path()).unwrap();
        let ends = |table: Table| ends.tables[table.name()].last_seq;
        let stream = Stream::new(
            settings,
            self.directory.path(),
            Arc::clone(&self.feed),
            Arc::default(),
            notes,
            ends,
        );
        self.running = Some(tokio::spawn(stream.unwrap().run()));
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
        // As if it were killed: nothing is closed.
        self.audit = None;
    }

    /// The hashes of all rows that are events.
    pub(crate) async fn wanted(&self) -> BTreeSet<String> {
        let audit = self.audit();
        audit.flush().await.unwrap();
        let mut wanted = BTreeSet::new();
        for table in Table::ALL.into_iter().filter(|table| Mapper::has(*table)) {
            let rows =
                interdict_audit::scan(self.directory.path(), interdict_audit::Filter::new(table)).unwrap();
            wanted.extend(rows.map(|row| row.unwrap()["hash"].as_str().unwrap().to_owned()));
        }
        wanted
    }
}

pub(crate) fn uid(event: &Value) -> String {
    event["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// Waits until what was received is all that is on record; gives how many came twice.
pub(crate) async fn until_all(stage: &Stage, received: impl Fn() -> Vec<Value>) -> usize {
    let patience = Instant::now() + Duration::from_secs(40);
    loop {
        let events = received();
        let got: BTreeSet<String> = events.iter().map(uid).collect();
        let wanted = stage.wanted().await;
        if got == wanted {
            return events.len() - got.len();
        }
        let missing = wanted.difference(&got).count();
        let more = got.difference(&wanted).count();
        assert!(
            Instant::now() < patience,
            "{missing} rows never came, {more} came that are on no record"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) async fn some_statements(audit: &Audit, count: usize) {
    let session = Uuid::now_v7();
    append(audit, vec![session_started(session)]).await;
    for _ in 0..count {
        append(audit, statement(session, |_, _| {})).await;
    }
}
