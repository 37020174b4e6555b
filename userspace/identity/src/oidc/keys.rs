//! An issuer's keys as they are now: fetched when they are first needed, again as they grow old, and when a token names one
//! that is not among them.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::process::read_file;
use crate::token::KeySet;

/// A file is read again after this time; it may have been replaced.
const FILE_AGE: Duration = Duration::from_secs(10);
/// What was fetched is fetched again after this time.
const FETCHED_AGE: Duration = Duration::from_hours(1);
/// Keys that could not be had anew for so long are no longer believed: one of them may have been withdrawn since.
const OLDEST: Duration = Duration::from_hours(24);
/// Between two attempts, however many tokens ask.
const PAUSE: Duration = Duration::from_secs(10);
/// Callers that may wait for an attempt under way. More would hold up those whose keys are known.
const WAITING: usize = 16;
/// Bytes of a JWKS.
const LARGEST: usize = 1 << 20;

/// Has an issuer's JWKS brought from somewhere.
pub trait FetchKeys: fmt::Debug + Send + Sync {
    /// The document's text. Blocking, within a few seconds.
    ///
    /// # Errors
    /// It could not be had, and why.
    fn fetch(&self) -> Result<String, String>;
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A copy of the JWKS.
    File(PathBuf),
    /// The issuer, or whoever publishes for it.
    Fetched(Arc<dyn FetchKeys>),
}

impl KeySource {
    fn read(&self) -> Result<String, String> {
        match self {
            Self::File(path) => File::open(path)
                .and_then(|file| read_file(file, LARGEST))
                .map_err(|error| format!("{}: {error}", path.display()))
                .and_then(|bytes| {
                    String::from_utf8(bytes).map_err(|_| format!("{}: it is no text", path.display()))
                }),
            Self::Fetched(from) => from.fetch(),
        }
    }

    fn age(&self) -> Duration {
        match self {
            Self::File(_) => FILE_AGE,
            Self::Fetched(_) => FETCHED_AGE,
        }
    }
}

/// One state of the keys.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) set: KeySet,
    /// Another number for another document.
    pub(super) generation: u64,
    text: String,
    /// When it was last seen to be so.
    seen: Instant,
}

#[derive(Debug)]
pub(super) struct Keys {
    source: KeySource,
    loaded: RwLock<Option<Arc<Loaded>>>,
    /// The last attempt and why it failed. Held while one is made.
    attempt: Mutex<Option<(Instant, Result<(), String>)>>,
    waiting: AtomicUsize,
    pause: Duration,
}

impl Keys {
    pub(super) fn new(source: KeySource) -> Self {
        Self::with_pause(source, PAUSE)
    }

    pub(super) fn with_pause(source: KeySource, pause: Duration) -> Self {
        Self {
            source,
            loaded: RwLock::default(),
            attempt: Mutex::default(),
            waiting: AtomicUsize::default(),
            pause,
        }
    }

    fn loaded(&self) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys, fetched if need be.
    pub(super) fn current(&self) -> Result<Arc<Loaded>, String> {
        let before = self.loaded();
        if let Some(loaded) = &before
            && loaded.seen.elapsed() < self.source.age()
        {
            return Ok(Arc::clone(loaded));
        }
        let failed = self.attempt(false).err();
        match self.loaded() {
            Some(loaded) if loaded.seen.elapsed() < OLDEST => Ok(loaded),
            Some(_) => Err(format!(
                "those that are known are older than a day: {}",
                failed.unwrap_or_default()
            )),
            None => Err(failed.unwrap_or_default()),
        }
    }

    /// Other keys than these, if the issuer has some by now. Asked for no more often than the pause allows.
    pub(super) fn newer(&self, than: &Loaded) -> Option<Arc<Loaded>> {
        let _ = self.attempt(false);
        self.loaded().filter(|now| now.generation != than.generation)
    }

    /// Fetches the keys whenever the last attempt was.
    pub(super) fn refresh(&self) -> Result<(), String> {
        self.attempt(true)
    }

    fn attempt(&self, always: bool) -> Result<(), String> {
        let _waits = Waits::enter(&self.waiting)?;
        let mut attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, outcome)) = &*attempt
            && !always
            && at.elapsed() < self.pause
        {
            return outcome.clone();
        }
        let outcome = self.load();
        if let Err(error) = &outcome {
            tracing::warn!(%error, "the keys of an issuer of tokens could not be read anew");
        }
        *attempt = Some((Instant::now(), outcome.clone()));
        outcome
    }

    fn load(&self) -> Result<(), String> {
        let text = self.source.read()?;
        let before = self.loaded();
        let same = before.as_ref().is_some_and(|before| before.text == text);
        let generation = before.map_or(0, |before| before.generation);
        let loaded = Loaded {
            set: KeySet::parse(&text)?,
            generation: generation.saturating_add(u64::from(!same)),
            text,
            seen: Instant::now(),
        };
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(loaded));
        Ok(())
    }
}

/// Counts who waits.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Result<Self, String> {
        let waits = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            return Err("too many wait for them already".to_owned());
        }
        Ok(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
