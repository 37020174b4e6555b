//! HTTP as users meet it: real services, the daemon before them with explicit listeners, real clients and a bare one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod aws;
mod bodies;
#[path = "../support/capture.rs"]
mod capture;
mod clients;
mod curl;
mod limits;
mod mcp;
mod nginx;
mod origin;
mod record;
mod refusals;
mod replay;
mod running;
mod smuggling;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod tls;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "node's packages are for the other tests")]
mod tools;
mod two;
mod wire;

use clients::Shown;
