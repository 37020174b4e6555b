//! Stands between psql and the server, and looks at what each statement did.
//!
//! psql reads the scripts: with its variables, conditions, `\gexec` and data of `COPY` as they were meant.

use std::collections::HashSet;
use std::io::Result;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use interdict_sql::{Analysis, Analyzer, Control, Effect, PostgresSettings};

use super::tally::Tally;
use super::watch::{self, Observer, Sight};
use super::wire::{Message, Wire, ask};

/// Names what a watched statement runs in where a transaction is open.
const SAVEPOINT: &str = "interdict_watched";

/// Listens in `directory` until the process ends.
pub(crate) fn listen(directory: &Path, server: PathBuf, tally: Arc<Mutex<Tally>>) {
    let listener = UnixListener::bind(directory.join(".s.PGSQL.5432")).unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, tally) = (server.clone(), Arc::clone(&tally));
            // An end of either side ends it.
            thread::spawn(move || Relay::open(client, &server, tally).and_then(Relay::run));
        }
    });
}

struct Relay {
    client: Wire,
    server: Wire,
    observer: Option<Observer>,
    settings: PostgresSettings,
    /// As the server last said it: idle, in a transaction, or in one that failed.
    status: u8,
    /// Cursors whose declaration was taken to be harmless.
    cursors: HashSet<String>,
    /// What was seen last; nothing where something has happened since that was not looked at.
    last: Last,
    tally: Arc<Mutex<Tally>>,
}

#[derive(Default)]
struct Last {
    sight: Option<Sight>,
    state: Option<Vec<Option<String>>>,
}

/// What was seen before a statement.
struct Before {
    sight: Sight,
    state: Option<Vec<Option<String>>>,
    savepoint: bool,
}

/// One for all scripts, so that texts share what they can.
static ANALYZER: LazyLock<Analyzer> = LazyLock::new(|| Analyzer::new(1 << 26));

/// What an analysis says of a text, wherever its statements are in it.
fn said<'a>(analysis: &'a Analysis, text: &'a [u8]) -> impl PartialEq + 'a {
    let text = str::from_utf8(text).unwrap_or_default();
    let statements = analysis.statements.iter().enumerate();
    let statements: Vec<_> = statements
        .map(|(index, statement)| {
            let mut statement = statement.clone();
            statement.range = 0..0;
            (statement, analysis.part(index, text))
        })
        .collect();
    let Analysis {
        gaps,
        fingerprint,
        normalised,
        ddl,
        ..
    } = analysis;
    (statements, gaps, fingerprint, normalised, ddl)
}

impl Relay {
    fn open(client: UnixStream, socket: &Path, tally: Arc<Mutex<Tally>>) -> Result<Self> {
        let mut client = Wire::new(client);
        let opening = client.opening()?;
        let mut server = Wire::new(UnixStream::connect(socket)?);
        server.write(&opening)?;
        let mut relay = Self {
            client,
            server,
            observer: database(&opening).and_then(|name| Observer::new(socket, &name)),
            settings: PostgresSettings::default(),
            status: b'I',
            cursors: HashSet::new(),
            last: Last::default(),
            tally,
        };
        let (_, ready) = relay.answer()?;
        relay.client.write(&ready)?;
        Ok(relay)
    }

    fn run(mut self) -> Result<()> {
        loop {
            let message = self.client.read()?;
            match message.tag {
                b'Q' => self.statement(&message)?,
                b'X' => return self.server.write(&message.bytes()),
                tag => {
                    self.last = Last::default();
                    self.server.write(&message.bytes())?;
                    // Of what psql describes nothing is run. A call of a function by its number (`\lo_import`) has no text.
                    if matches!(tag, b'S' | b'F') {
                        let (_, ready) = self.answer()?;
                        self.client.write(&ready)?;
                    }
                }
            }
        }
    }

    fn statement(&mut self, message: &Message) -> Result<()> {
        let text = message.body.strip_suffix(&[0]).unwrap_or(&message.body);
        let analysis = ANALYZER.postgres(text, &self.settings);
        let own = Analyzer::new(0).postgres(text, &self.settings);
        let harmless = watch::harmless(&analysis) && self.fetches_harmless(&analysis);
        let before = if harmless { self.before(&analysis)? } else { None };
        self.server.write(&message.bytes())?;
        let (accepted, ready) = self.answer()?;
        let watched = before.is_some();
        let mut seen = match before {
            Some(before) if accepted => self.after(&before, &analysis)?,
            _ => {
                self.last = Last::default();
                Vec::new()
            }
        };
        if said(&analysis, text) != said(&own, text) {
            seen.push("has another analysis by itself");
        }
        for statement in &analysis.statements {
            if let Control::DeclareCursor { name, .. } = &statement.control {
                if harmless {
                    self.cursors.insert(name.clone());
                } else {
                    self.cursors.remove(name);
                }
            }
        }
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(
            &String::from_utf8_lossy(text),
            &analysis,
            accepted,
            watched,
            seen,
        );
        // psql goes on, or away, only when everything is taken down.
        self.client.write(&ready)
    }

    /// Whether what is fetched is of cursors whose query is harmless: it runs as it is fetched.
    fn fetches_harmless(&self, analysis: &Analysis) -> bool {
        analysis
            .statements
            .iter()
            .all(|statement| match &statement.control {
                Control::Fetch { name, .. } => self.cursors.contains(name),
                _ => true,
            })
    }

    /// Looks around, if that is possible without changing what the statement comes to.
    fn before(&mut self, analysis: &Analysis) -> Result<Option<Before>> {
        if self.status == b'E' {
            return Ok(None);
        }
        let (mut state, mut savepoint) = (None, false);
        let last = std::mem::take(&mut self.last);
        // What concerns the transaction is not put into one of its own, and changes what would be compared.
        if !analysis.effects().contains(Effect::Transaction) {
            if self.status == b'T' {
                // An id is given once to a transaction: what is watched is one of its own, inside.
                self.own(&format!("SAVEPOINT {SAVEPOINT}"))?;
                savepoint = true;
            }
            state = match last.state {
                Some(state) => Some(state),
                None => self.own(watch::STATE)?,
            };
            if state.is_none() && savepoint {
                self.own(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}"))?;
            }
        }
        Ok(self.observer.as_mut().map(|observer| Before {
            sight: last.sight.unwrap_or_else(|| observer.look()),
            state,
            savepoint,
        }))
    }

    fn after(&mut self, before: &Before, analysis: &Analysis) -> Result<Vec<&'static str>> {
        let Some(observer) = &mut self.observer else {
            return Ok(Vec::new());
        };
        let sight = observer.look();
        let mut seen = before.sight.until(&sight);
        self.last.sight = Some(sight);
        if let Some(state) = &before.state {
            self.last.state = self.own(watch::STATE)?;
            if let Some(now) = &self.last.state {
                seen.extend(watch::changed(state, now, analysis.effects()));
            }
        }
        if before.savepoint {
            self.own(&format!("RELEASE SAVEPOINT {SAVEPOINT}"))?;
        }
        Ok(seen)
    }

    /// Asks something on the watched connection itself, of which psql is to learn nothing.
    fn own(&mut self, text: &str) -> Result<Option<Vec<Option<String>>>> {
        let client = &mut self.client;
        let mut told = Vec::new();
        let answer = ask(&mut self.server, text, |message| {
            if message.tag == b'A' {
                told.extend(message.bytes());
            }
        })?;
        client.write(&told)?;
        Ok(answer.ok())
    }

    /// Passes on what the server says, and the data that it asks for, until it is ready again. Whether it said no error, and
    /// the message that says it is ready, which is not passed on.
    fn answer(&mut self) -> Result<(bool, Vec<u8>)> {
        let mut accepted = true;
        loop {
            let message = self.server.read()?;
            if message.tag == b'Z' {
                self.status = message.body.first().copied().unwrap_or(b'I');
                return Ok((accepted, message.bytes()));
            }
            self.client.write(&message.bytes())?;
            match message.tag {
                b'E' => accepted = false,
                b'S' => self.parameter(&message),
                b'G' => self.data()?,
                _ => {}
            }
        }
    }

    fn data(&mut self) -> Result<()> {
        loop {
            let message = self.client.read()?;
            self.server.write(&message.bytes())?;
            if matches!(message.tag, b'c' | b'f') {
                return Ok(());
            }
        }
    }

    fn parameter(&mut self, message: &Message) {
        if let Some((b"standard_conforming_strings", value)) = message.parameter() {
            self.settings.standard_conforming_strings = value == b"on";
        }
    }
}

/// The database that a client opens.
fn database(opening: &[u8]) -> Option<String> {
    let mut fields = opening.get(8..)?.split(|byte| *byte == 0);
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if name == b"database" {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
    }
    None
}
