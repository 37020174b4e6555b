//! The PostgreSQL frontend/backend protocol, versions 3.0 and 3.2.
//!
//! Source: the PostgreSQL 18 documentation, chapter "Frontend/Backend Protocol", section "Message Formats". Counts of
//! 16 bits are unsigned, as the server and libpq read them.

pub mod backend;
mod format;
pub mod frontend;
mod header;
mod oids;
pub mod opening;
mod read;
mod stream;
mod values;
mod write;

pub use crate::Located;
pub use format::{Format, Formats, ResolvedFormats, format_at, resolve_formats};
pub use header::Header;
pub use oids::Oids;
pub use stream::{Messages, messages};
pub use values::{LocatedValues, Values, ValuesIter};
pub use write::write_message;

#[cfg(test)]
mod tests;
