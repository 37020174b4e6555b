//! The audit as the daemon and its readers meet it: real files, real crashes, real tampering.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that goes wrong must stop"
)]

mod anchors;
mod compaction;
mod crash;
mod documented;
mod duckdb;
mod faults;
mod full_disk;
mod keys;
mod late;
mod lifecycle;
mod of_session;
mod retention;
mod seals;
mod shared;
mod stamps;
mod support;
mod tamper;
