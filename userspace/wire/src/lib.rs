//! Codecs of the protocols that interdict speaks: bytes in, typed messages out, and back.
//!
//! Nothing here reads a socket, a clock or a file, and nothing decides anything. Messages borrow from the buffer that
//! they were read from; a message is either valid to its last byte or an error. Errors and `Debug` output name
//! messages, fields and sizes, never contents.

mod error;
mod hidden;
pub mod http;
mod located;
pub mod mysql;
pub mod postgres;
mod read;

pub use error::WireError;
pub use located::Located;
