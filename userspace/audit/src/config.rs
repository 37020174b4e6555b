//! The settings of the `audit:` section, and who we are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::observer::Observers;
use crate::{AuditError, SealKey};

/// When something counts as recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`: an acknowledged record survives a power cut.
    Strict,
    /// Statements are not waited for: they are queued, and written within a millisecond, which is what the sudden death of the process may
    /// lose. What is awaited by a [`crate::Ticket`] has been written. A power cut may lose what is within this window; the journal is
    /// made durable at least once every such interval.
    Batch(Duration),
}

/// How to open an audit directory.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept. Made (mode 0700) if missing; one process at a time.
    pub directory: PathBuf,
    /// When an append counts as recorded.
    pub durability: Durability,
    /// Rows of all tables together after which a segment is sealed.
    pub segment_rows: u64,
    /// Age of the oldest unsealed row at which a segment is sealed.
    pub segment_age: Duration,
    /// Journal bytes after which a segment is sealed however few the rows: bounds the work of a recovery.
    pub segment_bytes: u64,
    /// Bytes of appends that may wait for the journal before `append` waits itself.
    pub queue_bytes: usize,
    /// Who sees rows as they complete.
    pub observers: Observers,
    /// This host's name, on every row.
    pub host: String,
    /// The kernel's boot identifier, on every session.
    pub boot_id: String,
    /// What seals are made with. `None`: what is published waits for the next run that has a key, and nothing is ever deleted.
    pub seals: Option<Seals>,
}

/// What seals are made with.
#[derive(Clone, Debug)]
pub struct Seals {
    /// The key.
    pub key: Arc<SealKey>,
    /// The key before it: if the last seal is that one's, the first thing done is to hand over.
    pub previous: Option<Arc<SealKey>>,
    /// Begin a new chain of keys: what an operator does who has lost the key.
    pub new_chain: Option<NewChain>,
}

/// Why a chain of keys begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChain {
    /// Why.
    pub reason: String,
    /// Who does it.
    pub by: String,
}

impl Seals {
    /// With this key.
    pub fn new(key: SealKey) -> Self {
        Self {
            key: Arc::new(key),
            previous: None,
            new_chain: None,
        }
    }
}

impl Config {
    /// Strict durability, segments of a million rows or five minutes.
    pub fn new(directory: impl Into<PathBuf>, host: impl Into<String>, boot_id: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            durability: Durability::Strict,
            segment_rows: 1_000_000,
            segment_age: Duration::from_mins(5),
            segment_bytes: 256 << 20,
            queue_bytes: 32 << 20,
            observers: Observers::default(),
            host: host.into(),
            boot_id: boot_id.into(),
            seals: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), AuditError> {
        if self.segment_rows == 0 || self.segment_bytes == 0 || self.segment_age.is_zero() {
            return Err(AuditError::Config(
                "segment rows, bytes and age must be more than zero",
            ));
        }
        if self.queue_bytes == 0 || self.queue_bytes > tokio::sync::Semaphore::MAX_PERMITS >> 1 {
            return Err(AuditError::Config("the queue's size is out of range"));
        }
        if matches!(self.durability, Durability::Batch(window) if window.is_zero()) {
            return Err(AuditError::Config(
                "the batch window must be more than zero (or use strict)",
            ));
        }
        if self.host.is_empty() {
            return Err(AuditError::Config("the host's name is empty"));
        }
        Ok(())
    }
}
