//! The record that stands: a durable journal first, Parquet segments from it, rows chained by hash.

mod audit;
mod config;
mod error;
mod scan;
mod stats;
mod table;
mod verify;

pub use audit::{Audit, Health, Ticket};
pub use config::{Config, Durability};
pub use error::AuditError;
pub use scan::{Filter, Scan, scan};
pub use stats::{Stats, TableStats, stats};
pub use table::Table;
pub use verify::{Finding, Problem, Report, verify};
