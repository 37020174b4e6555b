//! Why something that a person asked for was not done.

use interdict_audit::AuditError;

/// Why not. The text is for the person who asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// There is none of that id.
    #[error("{0}")]
    NotFound(String),
    /// This person may not.
    #[error("{0}")]
    NotPermitted(String),
    /// It is over, or was done before.
    #[error("{0}")]
    TooLate(String),
    /// What was asked for can't be.
    #[error("{0}")]
    Invalid(String),
    /// It could not be recorded, so it was not done.
    #[error("it could not be recorded, so nothing changed: {0}")]
    NotRecorded(#[from] AuditError),
    /// The same of something that is in force until the next start even so.
    #[error("{0}")]
    HalfDone(String),
}
