//! The engines: one state machine a protocol, joining `wire`, `sql`, `policy` and `masking`.
//!
//! Nothing here touches a socket, a clock or a file. Bytes and the time go in, an [`Output`] comes out, and whoever drives
//! the engine keeps one rule: an output's records are durable before its bytes leave.

pub mod catalogue;
mod context;
mod output;
pub mod postgres;

pub use context::{Context, Limits, Shared};
pub use output::{Action, EndReason, Output};
