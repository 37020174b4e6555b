//! What is asked of the record: read it, replay it, prove it, keep it, hand it out.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Config, Door, Json, key_value};
use crate::commands::when::When;

/// Where the record is: the one that the settings name, or a directory.
#[derive(Debug, Args)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) config: Config,
    /// The audit's directory, instead of the one in the settings.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

/// Which sessions.
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    #[command(flatten)]
    pub(crate) record: Record,
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
    pub(crate) record: Record,
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
    pub(crate) record: Record,
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
        record: Record,
        #[command(flatten)]
        json: Json,
    },
}
