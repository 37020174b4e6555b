//! The tables and their columns. Names and types are a contract with every reader; see `docs/audit.md`.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::value::Kind;

/// A table of the audit: a directory of Parquet segments and a chain of rows of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// One row a connection, written when it ends.
    Sessions,
    /// One row a statement, written when its outcome is known.
    Statements,
    /// One row a policy that came into force.
    Policies,
    /// What the daemon and its operators did.
    Admin,
    /// Connections by workload and service, as the kernel counts them and as the proxy does.
    Ledger,
    /// One row for everything that happens to an approval: asked for, voted on, decided, used.
    Approvals,
    /// One row for everything that happens to a grant: created, ended with what it was used for, reviewed.
    Grants,
    /// What clients were sent, as they saw it.
    Frames,
}

/// A column: its name and type. All but `seq` and the hashes may be null in Parquet, so that a later version can leave
/// one out or add one.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 8] = [
        Self::Sessions,
        Self::Statements,
        Self::Policies,
        Self::Admin,
        Self::Ledger,
        Self::Approvals,
        Self::Grants,
        Self::Frames,
    ];

    /// The table's name, which is its directory's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Statements => "statements",
            Self::Policies => "policies",
            Self::Admin => "admin",
            Self::Ledger => "ledger",
            Self::Approvals => "approvals",
            Self::Grants => "grants",
            Self::Frames => "frames",
        }
    }

    /// The column whose UTC day is the partition.
    pub const fn time_column(self) -> &'static str {
        match self {
            Self::Sessions => "started_at",
            Self::Statements => "requested_at",
            Self::Policies | Self::Admin | Self::Ledger | Self::Approvals | Self::Grants | Self::Frames => {
                "at"
            }
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Sessions => 0,
            Self::Statements => 1,
            Self::Policies => 2,
            Self::Admin => 3,
            Self::Ledger => 4,
            Self::Approvals => 5,
            Self::Grants => 6,
            Self::Frames => 7,
        }
    }

    /// The columns' names and places, in the order of the names.
    pub(crate) fn ordered(self) -> &'static [(&'static str, usize)] {
        static ALL: LazyLock<[Vec<(&'static str, usize)>; 8]> = LazyLock::new(|| {
            Table::ALL.map(|table| {
                let names = table.columns().iter().map(|column| column.name);
                let mut names: Vec<_> = names.zip(0..).collect();
                names.sort_unstable();
                names
            })
        });
        ALL.get(self.index()).map_or(&[], Vec::as_slice)
    }

    /// The place of a column.
    pub(crate) fn index_of(self, name: &str) -> Option<usize> {
        let ordered = self.ordered();
        let found = ordered.binary_search_by_key(&name, |(name, _)| name).ok()?;
        ordered.get(found).map(|(_, index)| *index)
    }

    pub(crate) fn columns(self) -> &'static [Column] {
        static ALL: LazyLock<[Vec<Column>; 8]> = LazyLock::new(|| {
            [
                sessions(),
                statements(),
                policies(),
                admin(),
                ledger(),
                approvals(),
                grants(),
                frames(),
            ]
        });
        let [
            sessions,
            statements,
            policies,
            admin,
            ledger,
            approvals,
            grants,
            frames,
        ] = &*ALL;
        match self {
            Self::Sessions => sessions,
            Self::Statements => statements,
            Self::Policies => policies,
            Self::Admin => admin,
            Self::Ledger => ledger,
            Self::Approvals => approvals,
            Self::Grants => grants,
            Self::Frames => frames,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Table {
    type Err = crate::AuditError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|table| table.name() == name)
            .ok_or(crate::AuditError::Config(
                "no such table: sessions, statements, policies, admin, ledger, approvals, grants or frames",
            ))
    }
}

fn list(kind: Kind) -> Kind {
    Kind::List(Box::new(kind))
}

fn map(kind: Kind) -> Kind {
    Kind::Map(Box::new(kind))
}

fn texts(fields: &[&str]) -> Kind {
    Kind::Struct(
        fields
            .iter()
            .map(|name| ((*name).to_owned(), Kind::Text))
            .collect(),
    )
}

fn columns<const N: usize>(middle: [(&'static str, Kind); N]) -> Vec<Column> {
    let first = [("seq", Kind::Integer)];
    let last = [("previous_hash", Kind::Bytes(32)), ("hash", Kind::Bytes(32))];
    first
        .into_iter()
        .chain(middle)
        .chain(last)
        .map(|(name, kind)| Column { name, kind })
        .collect()
}

fn sessions() -> Vec<Column> {
    use Kind::{Integer, Text, Time, Uuid};
    columns([
        ("session_id", Uuid),
        ("host", Text),
        ("boot_id", Text),
        ("started_at", Time),
        ("ended_at", Time),
        ("end_reason", Text),
        ("service", Text),
        ("protocol", Text),
        ("workload", Text),
        ("identity", Text),
        ("attestation", Text),
        ("claims", map(Text)),
        ("pid", Integer),
        ("process_started_at", Time),
        ("uid", Integer),
        ("executable", Text),
        ("executable_digest", Text),
        ("command", Text),
        ("ancestry", list(Text)),
        ("cgroup", Text),
        ("unit", Text),
        ("container_id", Text),
        ("pod", Text),
        ("namespace", Text),
        ("service_account", Text),
        ("origin_address", Text),
        ("origin_port", Integer),
        ("upstream_address", Text),
        ("database", Text),
        ("db_user", Text),
        ("application", Text),
        ("client_tls", Text),
        ("upstream_tls", Text),
        ("statements", Integer),
        ("rows", Integer),
        ("bytes_in", Integer),
        ("bytes_out", Integer),
        ("masked_cells", Integer),
        ("flags", list(Text)),
    ])
}

fn statements() -> Vec<Column> {
    use Kind::{Bool, Integer, Text, Time, Uuid};
    columns([
        ("host", Text),
        ("session_id", Uuid),
        ("statement_id", Uuid),
        ("requested_at", Time),
        ("decided_at", Time),
        ("first_byte_at", Time),
        ("ended_at", Time),
        ("service", Text),
        ("identity", Text),
        ("kind", Text),
        ("statement", Text),
        ("fingerprint", Text),
        ("parameters", list(Text)),
        ("effects", list(Text)),
        ("relations", list(texts(&["name", "access"]))),
        ("columns", list(texts(&["label", "origin", "mask"]))),
        ("complete", Bool),
        ("decision", Text),
        ("rule", Text),
        ("message", Text),
        ("policy", Text),
        ("policy_digest", Text),
        ("approval_id", Uuid),
        ("grant_id", Uuid),
        ("status", Text),
        ("sqlstate", Text),
        ("rows", Integer),
        ("bytes", Integer),
        ("masked_cells", Integer),
        ("masked_by", map(Integer)),
        ("trace_id", Text),
        ("flags", list(Text)),
        ("subjects", list(Text)),
    ])
}

fn policies() -> Vec<Column> {
    use Kind::{Text, Time};
    columns([
        ("host", Text),
        ("at", Time),
        ("name", Text),
        ("digest", Text),
        ("source", Text),
    ])
}

fn admin() -> Vec<Column> {
    use Kind::{Text, Time};
    columns([
        ("host", Text),
        ("at", Time),
        ("kind", Text),
        ("actor", Text),
        ("message", Text),
        ("detail", map(Text)),
    ])
}

fn ledger() -> Vec<Column> {
    use Kind::{Integer, Text, Time};
    columns([
        ("host", Text),
        ("at", Time),
        ("workload", Text),
        ("service", Text),
        ("seen", Integer),
        ("redirected", Integer),
        ("refused", Integer),
        ("exempt", Integer),
        ("failed_open", Integer),
        ("established", Integer),
        ("sessions", Integer),
        ("pending", Integer),
        ("difference", Integer),
        ("flags", list(Text)),
    ])
}

fn approvals() -> Vec<Column> {
    use Kind::{Integer, Text, Time, Uuid};
    columns([
        ("host", Text),
        ("at", Time),
        ("event", Text),
        ("approval_id", Uuid),
        ("session_id", Uuid),
        ("statement_id", Uuid),
        ("service", Text),
        ("identity", Text),
        ("digest", Text),
        ("fingerprint", Text),
        ("policy", Text),
        ("rule", Text),
        ("mode", Text),
        ("expires_at", Time),
        ("protocol", Text),
        ("attestation", Text),
        ("claims", map(Text)),
        ("workload", Text),
        ("pid", Integer),
        ("process_uid", Integer),
        ("executable", Text),
        ("command", Text),
        ("ancestry", list(Text)),
        ("database", Text),
        ("db_user", Text),
        ("application", Text),
        ("kind", Text),
        ("statement", Text),
        ("parameters", list(Text)),
        ("effects", list(Text)),
        ("relations", list(texts(&["name", "access"]))),
        ("rows", Integer),
        ("bytes", Integer),
        ("plan", Text),
        ("message", Text),
        ("approvers", list(Text)),
        ("quorum", Integer),
        ("vote", Text),
        ("people", list(Text)),
        ("uid", Integer),
        ("login_uid", Integer),
        ("via", Text),
        ("reason", Text),
        ("grant_id", Uuid),
    ])
}

fn grants() -> Vec<Column> {
    use Kind::{Bool, Integer, Text, Time, Uuid};
    columns([
        ("host", Text),
        ("at", Time),
        ("event", Text),
        ("grant_id", Uuid),
        ("person", Text),
        ("uid", Integer),
        ("login_uid", Integer),
        ("via", Text),
        ("reason", Text),
        ("ticket", Text),
        ("identities", list(Text)),
        ("services", list(Text)),
        ("effects", list(Text)),
        ("relations", list(Text)),
        ("columns", list(Text)),
        ("row_limit", Integer),
        ("starts_at", Time),
        ("ends_at", Time),
        ("approval_id", Uuid),
        ("break_glass", Bool),
        ("used_statements", Integer),
        ("used_rows", Integer),
        ("used_bytes", Integer),
        ("used_from", Time),
        ("used_until", Time),
        ("used_effects", list(Text)),
        ("used_relations", list(texts(&["name", "access"]))),
        ("used_columns", list(Text)),
        ("used_more", Bool),
    ])
}

fn frames() -> Vec<Column> {
    use Kind::{Blob, Integer, Text, Time, Uuid};
    columns([
        ("host", Text),
        ("session_id", Uuid),
        ("statement_id", Uuid),
        ("ordinal", Integer),
        ("direction", Text),
        ("at", Time),
        ("payload", Blob),
        ("length", Integer),
        ("digest", Text),
        ("flags", list(Text)),
    ])
}

impl Table {
    /// The table's columns without a row, as a list for SELECT in DuckDB's words: for readers of a table that has no file.
    pub fn sql_columns(self) -> String {
        let columns = self.columns().iter().map(|column| {
            let kind = sql(&column.kind);
            format!("NULL::{kind} AS \"{}\"", column.name)
        });
        columns.collect::<Vec<_>>().join(", ")
    }
}

/// A type in DuckDB's words.
fn sql(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "BOOLEAN".to_owned(),
        Kind::Integer => "BIGINT".to_owned(),
        Kind::Time => "TIMESTAMPTZ".to_owned(),
        Kind::Text => "VARCHAR".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Bytes(_) | Kind::Blob => "BLOB".to_owned(),
        Kind::List(element) => format!("{}[]", sql(element)),
        Kind::Map(value) => format!("MAP(VARCHAR, {})", sql(value)),
        Kind::Struct(fields) => {
            let fields = fields.iter().map(|(name, kind)| format!("{name} {}", sql(kind)));
            format!("STRUCT({})", fields.collect::<Vec<_>>().join(", "))
        }
    }
}
