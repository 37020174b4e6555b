//! The tables.
/// A table of the audit; each is a directory of Parquet segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table { /// One row a connection.
 Sessions, /// One row a statement.
 Statements, /// One row a policy snapshot.
 Policies, /// Events.
 Admin }
