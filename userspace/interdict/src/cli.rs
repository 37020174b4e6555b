//! The command line.

mod record;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::when::{Span, When};

pub(crate) use self::record::{
    Audit, Evidence, HoldCommand, Keys, Record, Replay, ReplayFormat, Rows, Sessions, Statements,
};

/// Where the daemon's settings are unless told otherwise.
pub(crate) const CONFIG: &str = "/etc/interdict/interdict.yaml";

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
    Sessions(Box<Sessions>),
    /// Show a recorded session as it was: what was asked, what was decided, what came back.
    Replay(Replay),
    /// Write what an auditor gets: extracts, figures with their queries, policies, sample replays. 0: the record is sound, 1: it is not.
    Evidence(Evidence),
    /// Prove, read and count the record.
    #[command(subcommand)]
    Audit(Audit),
    /// Tell how the running daemon does: 0 ready, 1 something needs a person, 2 no daemon.
    Status(Status),
    /// Show connections as the kernel counts them and as the proxy does: 0 all explained, 1 a difference, 2 no daemon.
    Ledger(Ledger),
    /// Cut a workload's connections and refuse new ones, until lifted. Sessions of other workloads go on.
    Quarantine(Quarantine),
    /// Decide about statements that wait for somebody.
    #[command(subcommand)]
    Approvals(Approvals),
    /// Give access for a while, end it, and look at what it was used for.
    #[command(subcommand)]
    Grants(Grants),
    /// Log in to the console, the daemon's pages for people.
    #[command(subcommand)]
    Console(Console),
    /// Have this host, an image or a workload trust the certificates that the daemon makes for services.
    #[command(subcommand)]
    Trust(Trust),
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

/// Exit codes: 0 done, 1 refused or not found, 2 usage or no daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum Approvals {
    /// List the statements that wait.
    List {
        /// Also those that are over, as far as the daemon remembers them. The audit's table `approvals` has all.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        door: Door,
        #[command(flatten)]
        json: Json,
    },
    /// Show all that is known of one.
    Show {
        /// Its id, or the beginning or end of it.
        id: String,
        #[command(flatten)]
        door: Door,
        #[command(flatten)]
        json: Json,
    },
    /// Let one pass, once.
    Approve {
        #[command(flatten)]
        verdict: Verdict,
        /// Besides, give the same identity a grant for what this statement does, of this length, such as `30m`. Everyone who
        /// approves has to ask for it.
        #[arg(long, value_name = "DURATION")]
        grant: Option<Span>,
    },
    /// Refuse one.
    Deny {
        #[command(flatten)]
        verdict: Verdict,
    },
    /// See what waits as it comes, and decide with a key.
    Watch {
        #[command(flatten)]
        door: Door,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Verdict {
    /// Its id, or the beginning or end of it.
    pub(crate) id: String,
    /// Why. The client is told the reason of a denial.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) door: Door,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Exit codes: 0 done, 1 refused or not found, 2 usage or no daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum Grants {
    /// Give access. It lets pass what a policy would hold for somebody, or refuse because nothing allows it, and shows the columns
    /// that it names; what a rule refuses stays refused.
    Create(Box<GrantCreate>),
    /// List the grants that are not over, and those that somebody has to review.
    List {
        /// Also those that are over, as far as the daemon remembers them. The audit's table `grants` has all.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        door: Door,
        #[command(flatten)]
        json: Json,
    },
    /// End one now; sessions that run by it are cut.
    Revoke {
        #[command(flatten)]
        which: Verdict,
    },
    /// Note that you looked at what a break-glass grant was used for. Somebody else than who minted it has to.
    Review {
        #[command(flatten)]
        which: Verdict,
    },
}

#[derive(Debug, Args)]
pub(crate) struct GrantCreate {
    /// Whom it is for: a glob over identities' names, or FACT=GLOB such as `workload=agents`. Repeatable: any of them.
    #[arg(long, value_name = "PATTERN", required = true)]
    pub(crate) identity: Vec<String>,
    /// A glob over services' names. Repeatable.
    #[arg(long, value_name = "GLOB", required = true)]
    pub(crate) service: Vec<String>,
    /// What statements may do, such as `read` or `update`; without any: everything. Repeatable.
    #[arg(long, value_name = "EFFECT")]
    pub(crate) effect: Vec<String>,
    /// What they may touch, `[database.][schema.]table` with globs; without any: everything. Repeatable.
    #[arg(long, value_name = "RELATION")]
    pub(crate) relation: Vec<String>,
    /// A column that is shown as it is, as policies name columns. Repeatable.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) column: Vec<String>,
    /// The most rows that one statement may bring.
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<u64>,
    /// How long, such as `30m`, `8h` or `2d`.
    #[arg(
        long = "for",
        value_name = "DURATION",
        required_unless_present = "until",
        conflicts_with = "until"
    )]
    pub(crate) length: Option<Span>,
    /// Until when: RFC 3339 (`2026-05-01T12:00:00Z`) or a date.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<When>,
    /// From when on, instead of now.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<When>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Where the reason is kept.
    #[arg(long, value_name = "TICKET")]
    pub(crate) ticket: Option<String>,
    /// In an emergency: somebody else has to review afterwards what it was used for.
    #[arg(long)]
    pub(crate) break_glass: bool,
    #[command(flatten)]
    pub(crate) door: Door,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Exit codes: 0 done, 1 refused, 2 usage or no daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum Console {
    /// Print an address that lets you in as yourself: once, and within a minute.
    Login {
        #[command(flatten)]
        door: Door,
        #[command(flatten)]
        json: Json,
    },
}

/// Exit codes: 0 every store has it (after `remove`: none has), 1 one lacks it, 2 one can't be reached.
#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// Put the authority's certificate into every store that is found.
    Install(TrustWhere),
    /// Take out what `install` put there, and nothing else.
    Remove(TrustWhere),
    /// List the stores and whether they have it.
    Status(TrustWhere),
}

#[derive(Debug, Args)]
pub(crate) struct TrustWhere {
    /// The settings, which say where the authority is. Without a file: where it is by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// In this tree of files, such as an image's. Nothing of it is run.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["pid", "workload"])]
    pub(crate) root: Option<PathBuf>,
    /// In the files that this process sees. Nothing of them is run.
    #[arg(long, conflicts_with = "workload")]
    pub(crate) pid: Option<u32>,
    /// In the files that the processes of this workload see.
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,
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
    ///
    /// No settings are read: of the keys that `token` and `shift-date` masks name, none need exist. `interdict check` looks for
    /// them.
    Test {
        /// Policy files, or directories of them.
        #[arg(value_name = "PATH", required = true)]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Tell what would happen to a statement, and why.
    Explain(Explain),
    /// Tell what would change if these policies were in force, by what was recorded: 0 nothing, 1 something.
    ///
    /// What statements do is taken from the record, and so are the rows that came. Conditions about a text see it as it was kept, its
    /// literals perhaps withheld.
    Replay(ReplayPolicy),
    /// Print the token that the record has for an identifier, where a policy names such in `subjects`.
    ///
    /// Identifiers are read from standard input, one a line, so that none is in a shell's history or a list of processes; in a
    /// terminal, one is asked for. Only who can read the key can make tokens, and whoever can may also find out by guessing whose a
    /// token is.
    Token(Token),
    /// Print the JSON Schema of policy files.
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) config: Config,
    /// The key, as the settings' `keys` and the policy's `subjects` name it.
    #[arg(long, value_name = "NAME")]
    pub(crate) key: String,
    /// What the tokens stand under, as in the policy's `subjects`.
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayPolicy {
    /// Policy files, or directories of them.
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) record: Record,
    #[command(flatten)]
    pub(crate) rows: Rows,
    #[command(flatten)]
    pub(crate) json: Json,
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
