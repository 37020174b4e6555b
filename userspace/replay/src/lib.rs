//! A recorded session read back: what was asked, what was decided, and what the client saw.
//!
//! The bytes are the record's own; what is made of them here is for reading. Whoever wants the bytes themselves takes
//! [`interdict_audit::frames`].

mod decode;
mod recording;
pub mod render;
mod statement;

pub use decode::{Shown, Table};
pub use recording::{Recording, ReplayError, Step, load};
pub use statement::{Relation, ResultColumn, Statement};
