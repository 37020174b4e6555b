//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::when::When;

/// Where the daemon's settings are unless told otherwise.
const CONFIG: &str = "/etc/interdict/interdict.yaml";

/// Sits between agents and the databases they reach: masks, blocks and records, without the agent knowing.
///
/// Exit codes: 0 yes, 1 no or a finding, 2 usage, settings or environment.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon. Prints `ready` when every listener is up and everything is attached.
    Run(Config),
    /// Check settings and policies: says nothing, or what is wrong as FILE:LINE:COLUMN.
    Check(Config),
    /// Test, explain and describe policies.
    #[command(subcommand)]
    Policy(Policy),
    /// Tell what this kernel offers, what is attached, and what falls short.
    Doctor(Json),
    /// List recorded sessions.
    Sessions(Sessions),
    /// Prove, read and count the record.
    #[command(subcommand)]
    Audit(Audit),
    /// Tell how the running daemon does: 0 ready, 1 something needs a person, 2 no daemon.
    Status(Status),
    /// Show connections as the kernel counts them and as the proxy does: 0 all explained, 1 a difference, 2 no daemon.
    Ledger(Ledger),
    /// Cut a workload's connections and refuse new ones, until lifted. Sessions of other workloads go on.
    Quarantine(Quarantine),
    /// Join a cgroup and connect: how the daemon tries its own redirect.
    #[command(hide = true)]
    Canary {
        cgroup: PathBuf,
        address: std::net::SocketAddr,
    },
    /// Remove everything that is attached to the kernel. Protected destinations are open to everyone afterwards.
    ///
    /// The detach is put on the record before it is done: by the daemon if one runs, by this command otherwise.
    Detach(Detach),
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The settings.
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    pub(crate) config: PathBuf,
}

/// Where the daemon is asked.
#[derive(Debug, Args)]
pub(crate) struct Door {
    #[command(flatten)]
    pub(crate) config: Config,
    /// The daemon's admin socket, instead of the one in the settings.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) door: Door,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Ledger {
    #[command(flatten)]
    pub(crate) door: Door,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Quarantine {
    /// The workload, as the settings name it.
    #[arg(value_name = "WORKLOAD", required_unless_present = "list")]
    pub(crate) workload: Option<String>,
    /// Let it connect again.
    #[arg(long)]
    pub(crate) lift: bool,
    /// Show who is quarantined.
    #[arg(long, conflicts_with_all = ["workload", "lift"])]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) door: Door,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Detach {
    #[command(flatten)]
    pub(crate) config: Config,
    /// Detach also where it can't be recorded: no settings, a daemon that hangs, an audit that can't be written.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Json {
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Run the tests that policies carry.
    Test {
        /// Policy files, or directories of them.
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Tell what would happen to a statement, and why.
    Explain(Explain),
    /// Print the JSON Schema of policy files.
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) config: Config,
    /// The service that the statement is for.
    #[arg(long)]
    pub(crate) service: String,
    /// A fact about who asks, such as `unit=agent-1.service`; `name=…` sets the identity's name. Repeatable.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) identity: Vec<(String, String)>,
    /// The session's database.
    #[arg(long, default_value = "")]
    pub(crate) database: String,
    /// The session's database user.
    #[arg(long, default_value = "")]
    pub(crate) user: String,
    /// The statement.
    #[arg(long, value_name = "SQL")]
    pub(crate) statement: String,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Where an audit is: the one that the settings name, or a directory.
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    #[command(flatten)]
    pub(crate) config: Config,
    /// The audit's directory, instead of the one in the settings.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Sessions of this service.
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Sessions of this identity.
    #[arg(long)]
    pub(crate) identity: Option<String>,
    /// Sessions of this workload.
    #[arg(long)]
    pub(crate) workload: Option<String>,
    /// Sessions in this database.
    #[arg(long)]
    pub(crate) database: Option<String>,
    /// Sessions of this database user.
    #[arg(long)]
    pub(crate) user: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Which rows of a table.
#[derive(Debug, Args)]
pub(crate) struct Rows {
    /// From this time on: RFC 3339 (`2026-05-01T12:00:00Z`), a date, or an age (`90m`, `7d`).
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<When>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<When>,
    /// Only this session.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<uuid::Uuid>,
    /// Only the last so many.
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Prove that nothing was edited, removed, reordered or cut off: 0 sound, 1 a finding, 2 could not look.
    Verify {
        /// The audit's directory.
        directory: PathBuf,
        #[command(flatten)]
        json: Json,
    },
    /// Read rows back, without another program.
    Scan {
        /// The audit's directory.
        directory: PathBuf,
        /// The table: sessions, statements, policies, admin or ledger.
        #[arg(long, default_value = "statements")]
        table: interdict_audit::Table,
        #[command(flatten)]
        rows: Rows,
        /// Rows whose column has this value, such as `decision=deny`. Repeatable.
        #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = key_value)]
        equal: Vec<(String, String)>,
        #[command(flatten)]
        json: Json,
    },
    /// Count what is there.
    Stats {
        /// The audit's directory.
        directory: PathBuf,
        #[command(flatten)]
        json: Json,
    },
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
