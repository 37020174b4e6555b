//! Offline proof.
use std::path::Path;
use crate::AuditError;
/// What is wrong.
#[derive(Clone, Debug, serde::Serialize)]
pub enum Problem {}
/// One thing wrong.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Finding {}
/// The outcome; `sound()` if nothing is wrong.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report { /// In the order found.
 pub findings: Vec<Finding> }
impl Report { /// Nothing wrong.
 pub fn sound(&self) -> bool { self.findings.is_empty() } }
/// Checks every row of every table, and the journal. `Err`: it could not look.
pub fn verify(_directory: &Path) -> Result<Report, AuditError> { todo!() }
