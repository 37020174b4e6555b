//! The operator's door: requests of people on this host, over a Unix socket.
//!
//! One request a line, one response a line, both JSON objects with a `version`. Several requests may follow each other on
//! one connection. File permissions decide who gets in (mode 0660); what a caller may do there is decided by the uid that
//! the kernel tells: root and the daemon's own user everything, everyone else may read. About approvals and grants it is policies
//! and settings that name who decides, and root is not among them by itself.

mod client;
mod peer;
mod protocol;
mod server;
mod socket;
#[cfg(test)]
mod tests;

pub(crate) use client::{CallError, call};
pub(crate) use peer::{Peer, name};
pub(crate) use protocol::{Counts, Quarantined, RefusalKind, Request, Response, Status};
pub(crate) use {
    protocol::{Cut, Refusal},
    server::{Handler, serve},
    socket::Socket,
};
