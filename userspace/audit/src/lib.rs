//! The record that stands: a durable journal first, Parquet segments from it, rows chained by hash.

mod anchor;
mod arrow;
mod audit;
mod bell;
mod browse;
mod canonical;
mod checkpoint;
mod commit;
mod compact;
mod config;
mod entry;
mod error;
mod fold;
mod frames;
mod grants;
mod handed;
mod journal;
mod keeper;
mod keys;
mod observer;
mod retain;
mod row;
mod scan;
mod seal;
mod segment;
mod stats;
mod table;
mod timing;
mod value;
mod verify;
mod view;

pub use anchor::folder as host_folder;
pub use anchor::{Anchor, AnchorError, AnchorHealth, Anchors, FileAnchor, StampAnchor};
pub use audit::{Audit, Health, Ticket};
pub use browse::{Browser, Found, Order, Query, Tally};
pub use compact::Compacted;
pub use config::{Config, Durability, NewChain, Seals};
pub use error::AuditError;
pub use frames::{Frames, frames};
pub use grants::{GrantState, GrantUse};
pub use keys::{PublicKey, SealKey};
pub use observer::{Observer, Observers, Published, published_after};
pub use retain::{Due, Hold, Retained, Retention, holds, plan};
pub use row::Row;
pub use scan::{Filter, OfSession, Scan, print, scan};
pub use seal::merkle::{Proof, prove, proves};
pub use seal::{Because, HeadAt, InForce, Leaf, NextKey, Seal, SealKind, Signed};
pub use stats::{Stats, TableStats, stats};
pub use table::Table;
pub use timing::Timing;
pub use value::{Name, Short, Value};
pub use verify::{
    Chain, Finding, JournalState, Options, Problem, Report, SealState, Stamps, verify, verify_with,
};
