//! The command line, from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helper fails as its test does"
)]

mod approvals;
mod check;
mod doctor;
mod door;
mod example;
mod exit;
mod identity;
mod integrity;
mod policy;
mod record;
mod streams;
mod support;
