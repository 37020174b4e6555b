//! What can go wrong, in an operator's words.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::errors::ParquetError;

/// Why the audit could not do what was asked. Cheap to clone: one failed write is reported to every waiter. Never holds
/// a recorded value.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// Another process holds the directory's lock.
    #[error("the audit directory {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// A file or directory could not be read, written or made durable.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `write`, `make durable`, `open`, …
        action: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A Parquet segment could not be read or written.
    #[error("could not {action} the segment {}: {source}", path.display())]
    Segment {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the Parquet library said.
        source: Arc<ParquetError>,
    },
    /// A file holds something that this version can't make sense of.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A record could not be serialised (a bug: every record type is serialisable).
    #[error("could not serialise a record: {0}")]
    Serialise(String),
    /// One append holds more than the journal takes at once.
    #[error("a record of {bytes} bytes is larger than the journal's limit of {limit}")]
    TooLarge {
        /// Size of the append, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The journal can't be written at present. Nothing that waits on it may go on. It retries by itself.
    #[error("the journal can't be written, statements must be refused: {0}")]
    Unavailable(Arc<str>),
    /// The audit was closed.
    #[error("the audit is closed")]
    Closed,
    /// A key can't be had or used. Shows nothing of a key but its name.
    #[error("the key of the seals: {0}")]
    Key(String),
    /// A setting can't be used.
    #[error("audit settings: {0}")]
    Config(&'static str),
}

impl AuditError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source: Arc::new(source),
        }
    }

    /// Whether a file was not there.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn segment(action: &'static str, path: &Path) -> impl FnOnce(ParquetError) -> Self {
        let path = path.to_owned();
        move |source| Self::Segment {
            action,
            path,
            source: Arc::new(source),
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}
