//! What a statement does: effects, relations, functions, session control.
//!
//! PostgreSQL's texts are parsed with PostgreSQL's own grammar, those of MySQL and MariaDB by a lexer and a parser of this crate that
//! cut them as the servers do. The whole tree is walked. A construct that this crate does not
//! know, a text that does not parse and SQL that exists only at run time are *gaps*: an analysis with a gap is not
//! complete, and what to do then is the policy's decision. Nothing is ever taken to be harmless for not being known.
//!
//! The crate knows nothing of the wire and nothing of policies. Without a catalogue it can't know what a user's own
//! function, operator, cast or view does: a call of a function that the server doesn't ship has [`Effect::Call`].

mod analysis;
mod analyzer;
mod control;
mod effect;
mod facts;
pub mod lineage;
pub mod mysql;
pub mod postgres;
mod statement;

pub use analysis::Analysis;
pub use analyzer::Analyzer;
pub use control::{Control, Copy, CopyFormat, CopyTarget, Discard};
pub use effect::{Effect, Effects, UnknownEffect};
pub use mysql::MysqlSettings;
pub use postgres::{PostgresSettings, is_shipped};
pub use statement::{Access, Gap, References, Relation, Setting, Statement, Variables};
