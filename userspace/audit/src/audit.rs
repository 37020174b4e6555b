//! The door.
use interdict_record::Record;
use crate::{AuditError, Config};
/// An open audit directory. Clones share it.
#[derive(Clone)]
pub struct Audit {}
/// Resolves when an append counts as recorded.
#[must_use = "what was appended is not yet recorded"]
pub struct Ticket {}
/// How the audit does.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Health {
    /// Why the journal can't be written, if it can't: statements are refused.
    pub journal: Option<String>,
    /// Why segments can't be written, if they can't: the journal keeps growing.
    pub segments: Option<String>,
}
impl Audit {
    /// Opens, recovers.
    pub fn open(_config: Config) -> Result<Self, AuditError> { todo!() }
    /// Queues records, in order, as one unit. Waits while the queue is full.
    pub async fn append(&self, _records: Vec<Record>) -> Result<Ticket, AuditError> { todo!() }
    /// Waits until everything appended before is on disk.
    pub async fn flush(&self) -> Result<(), AuditError> { todo!() }
    /// Seals the rows that are complete.
    pub async fn rotate(&self) -> Result<(), AuditError> { todo!() }
    /// Seals everything and ends.
    pub async fn close(&self) -> Result<(), AuditError> { todo!() }
    /// How it does.
    pub fn health(&self) -> Health { todo!() }
}
impl Ticket {
    /// Waits.
    pub async fn durable(self) -> Result<(), AuditError> { todo!() }
}
