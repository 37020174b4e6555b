//! What goes wrong on the way out.

use std::path::{Path, PathBuf};

/// Worded for operators: what is so, and where.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The record can't be read.
    #[error(transparent)]
    Audit(#[from] interdict_audit::AuditError),
    /// A file can't be used.
    #[error("can't {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Who is to receive can't be reached, or does not take it now. It is tried again.
    #[error("{0}")]
    Away(String),
    /// Who is to receive has looked at it and does not want it.
    #[error("{0}")]
    Refused(String),
    /// A setting can't be used.
    #[error("{0}")]
    Settings(String),
}

impl FleetError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// An error with its causes: of a failed connection the last one is what an operator needs.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
