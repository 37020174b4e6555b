//! Counts.
use std::path::Path;
use crate::AuditError;
/// Of one table.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct TableStats {}
/// Of a directory.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Stats {}
/// Counts what a directory holds.
pub fn stats(_directory: &Path) -> Result<Stats, AuditError> { todo!() }
