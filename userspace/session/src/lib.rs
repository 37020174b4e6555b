//! The engines: one state machine a protocol, joining `wire`, `sql`, `policy` and `masking`.
//!
//! Nothing here touches a socket, a clock or a file. Bytes and the time go in, an [`Output`] comes out, and whoever drives
//! the engine keeps one rule: an output's records are durable before its bytes leave.

pub mod catalogue;
mod context;
mod credentials;
mod engine;
pub mod http;
pub mod mysql;
mod output;
pub mod postgres;
mod probes;
mod reading;
mod refusal;
mod session;

pub use context::{Context, Limits, Shared};
pub use credentials::{LoginError, Secret};
pub use engine::Engine;

pub use output::{Action, EndReason, LastWords, Output, Question};
pub use probes::Probes;
pub use refusal::NotLoggedIn;
pub use session::MASKS_LIFTED;
