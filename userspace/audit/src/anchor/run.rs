//! Gives every anchor every seal, in order, each at its own pace; what is missing after a restart is known by the receipts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::{Anchor, AnchorHealth, Receipt, Receipts};
use crate::AuditError;
use crate::seal::store;

/// How often an anchor looks for new seals.
const LOOK: Duration = Duration::from_secs(1);
/// Pauses after a failure: the first, and the longest; each is twice the one before.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);
/// How long a stop is not noticed at most.
const STEP: Duration = Duration::from_millis(100);

/// Something that an operator must hear of: an anchor's name, and what fails; `None`: it works again.
type Tell = dyn Fn(&str, Option<&str>) + Send + Sync;

/// Anchors at work, a thread each. Dropped, they stop.
#[derive(Debug)]
pub struct Anchors {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    directory: PathBuf,
    stop: AtomicBool,
    health: Mutex<BTreeMap<String, AnchorHealth>>,
    /// Receipts of one seal are in one file.
    receipts: Mutex<()>,
    tell: Box<Tell>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shared")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Anchors {
    /// Starts. `tell` hears when an anchor begins to fail and when it works again, with its name; it must not block for long.
    ///
    /// # Errors
    /// A thread can't be started.
    pub fn start(
        directory: &Path,
        anchors: Vec<Arc<dyn Anchor>>,
        tell: impl Fn(&str, Option<&str>) + Send + Sync + 'static,
    ) -> Result<Self, AuditError> {
        let health = anchors
            .iter()
            .map(|anchor| (anchor.name().to_owned(), AnchorHealth::default()))
            .collect();
        let shared = Arc::new(Shared {
            directory: directory.to_owned(),
            stop: AtomicBool::new(false),
            health: Mutex::new(health),
            receipts: Mutex::default(),
            tell: Box::new(tell),
        });
        let threads = anchors.into_iter().map(|anchor| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("audit-anchor".to_owned())
                .spawn(move || follow(&shared, &*anchor))
                .map_err(AuditError::io("start the threads for", directory))
        });
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { shared, threads })
    }

    /// How they do, by name.
    pub fn health(&self) -> BTreeMap<String, AnchorHealth> {
        self.shared
            .health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until every anchor has every seal, for so long at most. Whether they have.
    pub fn settle(&self, patience: Duration) -> bool {
        let until = std::time::Instant::now() + patience;
        loop {
            let last = store::list(&store::directory(&self.shared.directory))
                .ok()
                .and_then(|files| files.last().map(|(number, _)| *number));
            let last = last.unwrap_or(0);
            if self.health().values().all(|health| health.acknowledged >= last) {
                return true;
            }
            if std::time::Instant::now() >= until {
                return false;
            }
            std::thread::sleep(STEP);
        }
    }
}

impl Drop for Anchors {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn follow(shared: &Shared, anchor: &dyn Anchor) {
    let mut last = loop {
        match acknowledged(&shared.directory, anchor.name()) {
            Ok(last) => break last,
            Err(error) => failed(shared, anchor, &error.to_string()),
        }
        if !rest(shared, LOOK) {
            return;
        }
    };
    let mut pause = PAUSE;
    loop {
        let wait = match step(shared, anchor, &mut last) {
            Ok(true) => {
                pause = PAUSE;
                continue;
            }
            Ok(false) => LOOK,
            Err(why) => {
                failed(shared, anchor, &why);
                let wait = pause;
                pause = pause.saturating_mul(2).min(LONGEST);
                wait
            }
        };
        if !rest(shared, wait) {
            return;
        }
    }
}

/// Puts the next seal there, or the newest; whether there was one.
fn step(shared: &Shared, anchor: &dyn Anchor, last: &mut u64) -> Result<bool, String> {
    if shared.stop.load(Ordering::Acquire) {
        return Ok(false);
    }
    let seals = store::directory(&shared.directory);
    let files = store::list(&seals).map_err(|error| error.to_string())?;
    let missing = files.iter().filter(|(number, _)| *number > *last);
    let behind = missing.clone().count() as u64;
    update(shared, anchor, |health| {
        (health.acknowledged, health.behind) = (*last, behind);
    });
    let all = anchor.speaks_for_earlier();
    let Some((number, path)) = (if all { missing.max() } else { missing.min() }) else {
        return Ok(false);
    };
    let signed = store::read(path).map_err(|error| error.to_string())?;
    let place = anchor.put(&signed).map_err(|error| error.to_string())?;
    receipt(shared, anchor.name(), *number, place).map_err(|error| error.to_string())?;
    *last = *number;
    let mut works_again = false;
    update(shared, anchor, |health| {
        works_again = health.failing.take().is_some();
        health.put = health.put.saturating_add(1);
        (health.acknowledged, health.behind) = (*number, if all { 0 } else { behind.saturating_sub(1) });
    });
    if works_again {
        (shared.tell)(anchor.name(), None);
    }
    Ok(true)
}

fn failed(shared: &Shared, anchor: &dyn Anchor, why: &str) {
    let mut new = false;
    update(shared, anchor, |health| {
        new = health.failing.is_none();
        health.failing = Some(why.to_owned());
        health.failures = health.failures.saturating_add(1);
    });
    if new {
        tracing::error!(
            anchor = anchor.name(),
            why,
            "seals can't be anchored; it is tried again"
        );
        (shared.tell)(anchor.name(), Some(why));
    }
}

fn update(shared: &Shared, anchor: &dyn Anchor, change: impl FnOnce(&mut AnchorHealth)) {
    let mut health = shared.health.lock().unwrap_or_else(PoisonError::into_inner);
    change(health.entry(anchor.name().to_owned()).or_default());
}

/// False: it is time to stop.
fn rest(shared: &Shared, wait: Duration) -> bool {
    let until = std::time::Instant::now() + wait;
    while std::time::Instant::now() < until {
        if shared.stop.load(Ordering::Acquire) {
            return false;
        }
        std::thread::sleep(STEP.min(wait));
    }
    !shared.stop.load(Ordering::Acquire)
}

/// The last seal that an anchor has a receipt for. They are given in order.
fn acknowledged(directory: &Path, anchor: &str) -> Result<u64, AuditError> {
    let seals = store::directory(directory);
    for (number, _) in store::list(&seals)?.into_iter().rev() {
        if read(&receipts(&seals, number))?.anchors.contains_key(anchor) {
            return Ok(number);
        }
    }
    Ok(0)
}

fn receipts(seals: &Path, number: u64) -> PathBuf {
    seals.join(format!("{number:012}.receipts.json"))
}

/// What is no list of receipts counts as none: the seal is put there once more, which finds it there.
fn read(path: &Path) -> Result<Receipts, AuditError> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Receipts::default()),
        Err(error) => Err(AuditError::io("read", path)(error)),
    }
}

fn receipt(shared: &Shared, anchor: &str, number: u64, place: String) -> Result<(), AuditError> {
    let _one = shared.receipts.lock().unwrap_or_else(PoisonError::into_inner);
    let path = receipts(&store::directory(&shared.directory), number);
    let mut all = read(&path)?;
    let at = Timestamp::now().to_string();
    all.anchors.insert(anchor.to_owned(), Receipt { at, place });
    let text = serde_json::to_vec(&all).map_err(|error| AuditError::Serialise(error.to_string()))?;
    store::put(&path, &text)
}
