//! The record that stands: a durable journal first, Parquet segments from it, rows chained by hash.

mod arrow;
mod audit;
mod canonical;
mod checkpoint;
mod commit;
mod config;
mod entry;
mod error;
mod fold;
mod journal;
mod keeper;
mod row;
mod scan;
mod segment;
mod stats;
mod table;
mod value;
mod verify;
mod view;

pub use audit::{Audit, Health, Ticket};
pub use config::{Config, Durability};
pub use error::AuditError;
pub use scan::{Filter, Scan, print, scan};
pub use stats::{Stats, TableStats, stats};
pub use table::Table;
pub use verify::{Chain, Finding, JournalState, Problem, Report, verify};
