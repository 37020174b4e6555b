//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::when::{Span, When};

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
    pub(crate) config: Config,
    /// The audit's directory, instead of the one in the settings.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
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
    pub(crate) statements: Statements,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Of what time, and where to.
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// From this time on: RFC 3339, a date, or an age (`30d`).
    #[arg(long, value_name = "TIME")]
    pub(crate) from: When,
    /// Before this time; now, if it is not said.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<When>,
    /// A folder that is not there yet, or is empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) config: Config,
    /// The audit's directory, instead of the one in the settings.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// The key that seals the record, instead of the one in the settings: the manifest is signed with it.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The admin socket of the running daemon, which is asked to seal what is complete; instead of the one in the settings.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Don't look through the whole record for raw identifiers, which takes its time with a large one.
    #[arg(long)]
    pub(crate) no_scan: bool,
    /// How many sessions are replayed as samples.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) samples: usize,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// A session, and how it is shown.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The session, as `interdict sessions` names it.
    #[arg(value_name = "SESSION")]
    pub(crate) session: uuid::Uuid,
    #[command(flatten)]
    pub(crate) config: Config,
    /// The audit's directory, instead of the one in the settings.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// How much faster than it was. In a terminal it can be changed while it plays.
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// `text` plays in a terminal and is a transcript elsewhere; `bytes` is what the client received, to the byte.
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text)]
    pub(crate) format: ReplayFormat,
    /// All at once, also in a terminal.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Run its read statements again on a scratch copy of the database (postgres://…), and tell what differs: 0 nothing, 1 something.
    #[arg(long, value_name = "DSN")]
    pub(crate) against: Option<String>,
}

/// What a replay is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReplayFormat {
    Text,
    Asciicast,
    Html,
    Json,
    Bytes,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.01..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("expected a number from 0.01 to 1000".to_owned()),
    }
}

/// What a session's statements have to be like: sessions with at least one that is all of it.
#[derive(Debug, Args)]
pub(crate) struct Statements {
    /// A statement that touches this relation, as `patients` or `public.patients`; globs.
    #[arg(long, value_name = "NAME")]
    pub(crate) relation: Option<globset::Glob>,
    /// A statement that this rule decided.
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// A statement with this decision: allow, mask, deny, hold, approve, expire.
    #[arg(long, value_name = "WORD")]
    pub(crate) decision: Option<String>,
    /// A statement that showed data of this subject, by its token (`mrn:sub_…`).
    #[arg(long, value_name = "TOKEN")]
    pub(crate) subject: Option<String>,
    /// A statement whose recorded text has this in it, in upper or lower case.
    #[arg(long, value_name = "TEXT")]
    pub(crate) containing: Option<String>,
    /// A statement by this grant or approval.
    #[arg(long, value_name = "ID")]
    pub(crate) leave: Option<uuid::Uuid>,
}

/// Which rows of a table.
#[derive(Debug, Args)]
#[group(id = "matching")]
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
        /// The audit's directory, or a copy of it.
        directory: PathBuf,
        /// A public key that you know to be right: PEM or 64 hexadecimal digits in a file. The first that this host had is enough;
        /// others are followed from it. Repeatable.
        #[arg(long, value_name = "FILE")]
        public_key: Vec<PathBuf>,
        /// A directory with the seals as they were anchored elsewhere: finds what was cut off or written anew, even by who has the key.
        #[arg(long, value_name = "DIR")]
        anchors: Option<PathBuf>,
        /// Compare files with their seals only, and look at no row: for a daily check.
        #[arg(long)]
        quick: bool,
        /// It is a part of a record, as in an auditor's package: what is here has to be whole, what is not here is counted.
        #[arg(long)]
        extract: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Prove, as far as it can be, that no raw identifier is in the record: 0 none found, 1 a finding, 2 could not look.
    Scan {
        /// The audit's directory, or a copy of it.
        directory: PathBuf,
        /// Identifiers that must not be there, one a line: looked for in every column, letter by letter.
        #[arg(long, value_name = "FILE")]
        values: Option<PathBuf>,
        /// Look with this detector instead of the usual ones. Repeatable.
        #[arg(long, value_name = "NAME")]
        detector: Vec<interdict_masking::Detector>,
        /// Don't look for forms in this column, such as `statements.message`; values are looked for all the same. Repeatable.
        #[arg(long, value_name = "TABLE.COLUMN")]
        except: Vec<String>,
        #[command(flatten)]
        json: Json,
    },
    /// Show, hand out and change the key that seals are signed with.
    #[command(subcommand)]
    Keys(Keys),
    /// Keep what retention would delete.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Delete what is over, as the daemon does once a day. The daemon must not run, but for `--dry-run`.
    Retain {
        /// Only tell what would be deleted.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        config: Config,
        #[command(flatten)]
        json: Json,
    },
    /// Read rows back, without another program.
    Rows {
        /// The audit's directory.
        directory: PathBuf,
        /// The table: sessions, statements, policies, admin, ledger, approvals or grants.
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

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Tell the key's name and where it is. Never the key.
    Show {
        #[command(flatten)]
        config: Config,
        #[command(flatten)]
        json: Json,
    },
    /// Write the public key, in PEM: what verifiers need. Keep it elsewhere.
    Export {
        #[command(flatten)]
        config: Config,
    },
    /// Change the key: the old one signs for the new one, and whoever knows the old one can follow.
    Rotate {
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        door: Door,
        #[command(flatten)]
        json: Json,
    },
    /// Begin a new chain of keys, because the key, or seals, are lost. Everybody who verifies will see it. The daemon must not run.
    NewChain {
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        config: Config,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// From now on nothing that it reaches is deleted.
    Place {
        /// Of this table; without any: of all. Repeatable.
        #[arg(long, value_name = "TABLE")]
        table: Vec<interdict_audit::Table>,
        /// Rows from this time on; without it: from the beginning.
        #[arg(long, value_name = "TIME")]
        since: Option<When>,
        /// Rows before this time; without it: also those to come.
        #[arg(long, value_name = "TIME")]
        until: Option<When>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        door: Door,
        #[command(flatten)]
        json: Json,
    },
    /// End a hold.
    Lift {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        door: Door,
        #[command(flatten)]
        json: Json,
    },
    /// List those in force.
    List {
        #[command(flatten)]
        config: Config,
        /// The audit's directory, instead of the one in the settings.
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
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
