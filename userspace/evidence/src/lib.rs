//! The auditor's package: extracts of the record that prove themselves, figures that anybody can compute again, and which clause
//! of the HIPAA Security Rule each of them answers.
//!
//! It generates evidence. Whether an organisation complies is not for software to say, and no page of the package says so.

mod build;
mod changes;
mod extract;
mod figures;
mod manifest;
mod matrix;
mod page;

pub use build::{Outcome, Period, Request, build};
pub use manifest::{Listed, Manifest};

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The record can't be read.
    #[error(transparent)]
    Audit(#[from] interdict_audit::AuditError),
    /// A session can't be replayed.
    #[error(transparent)]
    Replay(#[from] interdict_replay::ReplayError),
    /// A file can't be read or written.
    #[error("{path} can't be {what}: {source}")]
    Io {
        /// Which.
        path: String,
        /// What was tried.
        what: &'static str,
        /// What came of it.
        source: std::io::Error,
    },
    /// The folder has something in it.
    #[error("{0} exists and is not empty; name a new folder")]
    Occupied(String),
    /// Nothing is on record there.
    #[error(
        "the record has no segments from {from} to {until}; rows that are not sealed yet are no evidence: ask the running daemon to seal (`--socket`), or wait for `segment.age`"
    )]
    Nothing {
        /// The period's first moment.
        from: String,
        /// Its end.
        until: String,
    },
}

impl EvidenceError {
    fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, what, source }
    }
}
