//! Engines between a client and a server that the test plays: second opinions on results (`mysql`, `postgres`), and what waits for a person or
//! rests on a grant (`hold`), whatever the pieces they come in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod hold;
mod mysql;
mod postgres;
mod support;
