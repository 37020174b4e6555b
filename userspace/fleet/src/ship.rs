//! Segments to an object store, as they are: `PREFIX/TABLE/date=…/FIRST-LAST-HOST.parquet`, which many hosts share and
//! every engine reads. Seals go to `PREFIX/seals/HOST/`.
//!
//! Nothing is ever overwritten, and nothing counts as shipped before the store has confirmed its checksum and its size. That
//! it is shipped is a file beside the segment's table: `shipped/TABLE/FILE.json`. Whatever removes segments from the host has
//! to look there first ([`acknowledged`]).

mod digest;
mod local;
mod multipart;
mod store;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use interdict_audit::Table;
use object_store::path::Path as Key;
use object_store::{
    Error as StoreError, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::local::Local;
use self::store::Store;
pub use self::store::{Keys, ShipSettings};
use crate::error::{FleetError, causes};
use crate::feed::Feed;
use crate::note::Notes;
use crate::stream::replace;

/// Larger files go in parts, each of this size.
const PART: usize = 16 << 20;
/// How often everything is looked through although nothing was sealed.
const IDLE: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// After this long without success the record says so.
const PATIENCE: Duration = Duration::from_mins(10);

/// What says that a file is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where it is.
    pub object: String,
    /// Its bytes.
    pub size: u64,
    /// Of its content, hexadecimal.
    pub sha256: String,
    /// As the store gives it.
    pub etag: Option<String>,
    /// The object's version, in a bucket that keeps versions.
    pub version: Option<String>,
    /// When it was confirmed.
    pub at: jiff::Timestamp,
}

/// How shipping does.
#[derive(Debug, Default)]
pub struct State {
    /// Files confirmed since the daemon's start.
    pub files: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Files that wait.
    pub waiting: AtomicU64,
    error: Mutex<Option<String>>,
}

impl State {
    /// Why the last try failed; `None`: it did not.
    pub fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Shipping, ready to run.
pub struct Shipper {
    directory: PathBuf,
    host: String,
    store: Store,
    feed: Arc<Feed>,
    notes: Notes,
    state: Arc<State>,
    /// Files that the store has with another content, by what was told.
    conflicts: std::collections::HashSet<PathBuf>,
}

/// Whether the store has confirmed a segment, which is a path under the audit's directory.
pub fn acknowledged(directory: &Path, file: &Path) -> bool {
    let Some(receipt) = receipt_of(directory, file) else {
        return false;
    };
    let read = || -> Option<bool> {
        let receipt: Receipt = serde_json::from_slice(&std::fs::read(receipt).ok()?).ok()?;
        Some(receipt.size == std::fs::metadata(file).ok()?.len())
    };
    read().unwrap_or(false)
}

/// `shipped/TABLE/FILE.json`.
fn receipt_of(directory: &Path, file: &Path) -> Option<PathBuf> {
    let inside = file.strip_prefix(directory).ok()?;
    let mut parts = inside.components();
    let table = parts.next()?;
    let rest: PathBuf = parts
        .filter(|part| !part.as_os_str().to_string_lossy().starts_with("date="))
        .collect();
    let mut name = directory.join("shipped").join(table).join(rest).into_os_string();
    name.push(".json");
    Some(name.into())
}

impl Shipper {
    /// Reads what the settings name; nothing is sent yet. `host`: whose seals these are.
    ///
    /// # Errors
    /// The settings can't be used.
    pub fn new(
        settings: &ShipSettings,
        directory: impl Into<PathBuf>,
        host: impl Into<String>,
        feed: Arc<Feed>,
        notes: Notes,
    ) -> Result<Self, FleetError> {
        Ok(Self {
            directory: directory.into(),
            host: host.into(),
            store: Store::new(settings)?,
            feed,
            notes,
            state: Arc::default(),
            conflicts: std::collections::HashSet::new(),
        })
    }

    /// How it does, while it runs.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        let mut seals = self.feed.seals();
        let (mut pause, mut failing) = (PAUSE, None::<(Instant, bool)>);
        loop {
            seals.mark_unchanged();
            match self.once().await {
                Ok(_) => {
                    if let Some((since, true)) = failing.take() {
                        self.notes.tell(
                            "ship_recovered",
                            format!(
                                "segments are shipped again, after {} seconds",
                                since.elapsed().as_secs()
                            ),
                            [],
                        );
                    }
                    self.set_error(None);
                    pause = PAUSE;
                    let _ = tokio::time::timeout(IDLE, seals.changed()).await;
                }
                Err(error) => {
                    self.set_error(Some(error.to_string()));
                    tracing::warn!(%error, "shipping failed; it is tried again");
                    let (since, told) = failing.get_or_insert_with(|| (Instant::now(), false));
                    if !*told && since.elapsed() >= PATIENCE {
                        *told = true;
                        self.notes.tell(
                            "ship_behind",
                            format!("segments are not shipped, and stay on this host: {error}"),
                            [],
                        );
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn set_error(&self, error: Option<String>) {
        *self.state.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Ships what waits. Gives the number of files that were confirmed.
    ///
    /// # Errors
    /// The first that can't be shipped now.
    pub async fn once(&mut self) -> Result<usize, FleetError> {
        let directory = self.directory.clone();
        let waiting = tokio::task::spawn_blocking(move || waiting(&directory))
            .await
            .map_err(|error| FleetError::Away(error.to_string()))??;
        let waiting: Vec<PathBuf> = waiting
            .into_iter()
            .filter(|file| !self.conflicts.contains(file))
            .collect();
        self.state.waiting.store(waiting.len() as u64, Ordering::Relaxed);
        let mut shipped = 0;
        for file in waiting {
            if self.ship(&file).await? {
                shipped += 1;
            }
            self.state.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(shipped)
    }

    async fn ship(&mut self, file: &Path) -> Result<bool, FleetError> {
        let (Some(key), Some(receipt)) = (self.key(file), receipt_of(&self.directory, file)) else {
            return Ok(false);
        };
        let local = Local::open(file).await?;
        let sent = if local.parts() > 1 {
            multipart::send(&self.store, &key, &local, &receipt.with_extension("parts")).await
        } else {
            let options = PutOptions::from(PutMode::Create);
            let whole = PutPayload::from(local.part(0).await?);
            let put = self.store.s3.put_opts(&key, whole, options).await;
            put.map(drop).map_err(FailedPut::from)
        };
        match sent {
            Ok(()) => {}
            Err(FailedPut::There) => {
                // An earlier run was not told that it had succeeded; or somebody else's file has this name.
                if self.theirs(&key).await? != local.sha256 {
                    self.conflicts.insert(file.to_owned());
                    self.notes.tell(
                        "ship_conflict",
                        format!(
                            "{} has another content than {}: it is left as it is, and this file is not shipped. Do two hosts have one name?",
                            self.store.url(&key),
                            file.display()
                        ),
                        [("object", self.store.url(&key))],
                    );
                    return Ok(false);
                }
            }
            Err(FailedPut::Gone) => {
                return Err(FleetError::Away(format!(
                    "there is no {}: the bucket is missing, or it has forgotten an upload",
                    self.store.url(&key)
                )));
            }
            Err(FailedPut::Other(error)) => return Err(error),
        }
        // The store checked the checksum of what it was sent; whether it is there whole is asked of it.
        let there = self.store.s3.head(&key).await.map_err(away)?;
        if there.size != local.size {
            return Err(FleetError::Away(format!(
                "{} has {} bytes, of {} that were sent",
                self.store.url(&key),
                there.size,
                local.size
            )));
        }
        let told = Receipt {
            object: self.store.url(&key),
            size: there.size,
            sha256: local.sha256,
            etag: there.e_tag,
            version: there.version,
            at: jiff::Timestamp::now(),
        };
        let text = serde_json::to_vec_pretty(&told).map_err(|error| FleetError::Away(error.to_string()))?;
        replace(&receipt, &text)?;
        self.state.files.fetch_add(1, Ordering::Relaxed);
        self.state.bytes.fetch_add(told.size, Ordering::Relaxed);
        Ok(true)
    }

    /// The SHA-256 of what is there.
    async fn theirs(&self, key: &Key) -> Result<String, FleetError> {
        let mut hash = Sha256::new();
        let mut content = self.store.s3.get(key).await.map_err(away)?.into_stream();
        while let Some(piece) = content.next().await {
            hash.update(piece.map_err(away)?);
        }
        Ok(hex::encode(hash.finalize()))
    }

    fn key(&self, file: &Path) -> Option<Key> {
        let inside = file.strip_prefix(&self.directory).ok()?.to_str()?;
        let inside = match inside.strip_prefix("seals/") {
            Some(seal) => format!("seals/{}/{seal}", self.host),
            None => inside.to_owned(),
        };
        Some(self.store.key(&inside))
    }
}

/// Why an object was not made.
enum FailedPut {
    /// There is one of that name.
    There,
    /// There is no such bucket, or no such upload.
    Gone,
    Other(FleetError),
}

impl From<StoreError> for FailedPut {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => Self::There,
            StoreError::NotFound { .. } => Self::Gone,
            error => Self::Other(away(error)),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn away(error: StoreError) -> FleetError {
    FleetError::Away(causes(&error))
}

/// Files without a receipt, oldest first.
fn waiting(directory: &Path) -> Result<Vec<PathBuf>, FleetError> {
    let mut files = Vec::new();
    for name in Table::ALL.iter().map(|table| table.name()).chain(["seals"]) {
        walk(&directory.join(name), &mut files)?;
    }
    files.retain(|file| !acknowledged(directory, file));
    Ok(files)
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), FleetError> {
    let list = match std::fs::read_dir(directory) {
        Ok(list) => list,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FleetError::io("list", directory)(error)),
    };
    let mut entries = list
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(FleetError::io("list", directory))?;
    entries.sort();
    for path in entries {
        let hidden = path
            .file_name()
            .is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let unfinished = path.extension().is_some_and(|end| end == "new" || end == "tmp");
        if path.is_dir() {
            walk(&path, files)?;
        } else if !hidden && !unfinished {
            files.push(path);
        }
    }
    Ok(())
}
