//! The MySQL protocol as users meet it: a real MariaDB, the daemon before it with an explicit listener, real clients and a bare one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/capture.rs"]
mod capture;
mod clients;
mod dump;
mod prepared;
mod record;
mod replay;
mod server;
mod session;
mod stage;
mod subjects;
#[path = "../support/mod.rs"]
mod support;
mod text;
mod tls;
#[path = "../clients/tools.rs"]
mod tools;
mod wire;

use clients::Shown;
