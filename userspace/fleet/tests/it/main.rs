//! Against the published schema, real servers and real readers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends at what it did not expect"
)]

mod analysts;
mod iceberg;
mod kafka;
mod ocsf;
mod receiver;
mod ship;
mod stage;
mod streams;
mod support;
mod syslog;
