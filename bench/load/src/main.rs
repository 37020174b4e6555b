//! What `cargo xtask bench` runs optimised: bare copying proxies, and clients of MySQL and HTTPS.
//!
//! Clients print one line of JSON: what they did, how long it took, and the times of single operations.

mod connect;
mod copy;
mod durable;
mod https;
mod mysql;
mod outcome;
mod tls;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Proxies and clients of `cargo xtask bench`")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Copy bytes both ways, and look at nothing
    Copy(copy::Options),
    /// The same with TLS on both sides
    CopyTls(copy::TlsOptions),
    /// Be so many clients of MySQL or MariaDB
    Mysql(mysql::Options),
    /// Be so many clients of an HTTPS server
    Https(https::Options),
    /// Connect and ask nothing
    Connect(connect::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Copy(options) => copy::run(&options),
        Task::CopyTls(options) => copy::run_tls(&options),
        Task::Mysql(options) => mysql::run(&options),
        Task::Https(options) => https::run(&options),
        Task::Connect(options) => connect::run(&options),
    }
}
