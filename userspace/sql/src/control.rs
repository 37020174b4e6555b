//! What a statement asks of the session that runs it.

use crate::statement::{Setting, Statement};

/// What an engine must know of a statement to follow the session's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Control {
    /// Nothing.
    #[default]
    None,
    /// `SET`, also in its forms `SET ROLE`, `SET SESSION AUTHORIZATION`, `SET TIME ZONE`, `SET NAMES`, `SET SCHEMA`.
    Set(Setting),
    /// `RESET ALL`: every setting but `role` and `session_authorization`.
    ResetAll,
    /// `RESET name`.
    Reset {
        /// The setting, in lower case.
        name: String,
    },
    /// `PREPARE`. The outer statement carries the inner one's effects too, so that a refusal comes at once.
    Prepare {
        /// The name to run it by.
        name: String,
        /// What will run.
        statement: Box<Statement>,
    },
    /// `EXECUTE`, also inside `EXPLAIN` and `CREATE TABLE AS`: what it does is what was prepared.
    Execute {
        /// The prepared statement.
        name: String,
    },
    /// `DEALLOCATE`.
    Deallocate {
        /// The prepared statement; `None` for all.
        name: Option<String>,
    },
    /// `DECLARE … CURSOR`.
    DeclareCursor {
        /// The cursor.
        name: String,
        /// Whether it outlives the transaction.
        hold: bool,
        /// Whether `FETCH` returns binary values.
        binary: bool,
        /// What `FETCH` will return.
        statement: Box<Statement>,
    },
    /// `FETCH` or `MOVE`.
    Fetch {
        /// The cursor.
        name: String,
        /// `MOVE`: no rows come back.
        moves: bool,
    },
    /// `CLOSE`.
    CloseCursor {
        /// The cursor; `None` for all.
        name: Option<String>,
    },
    /// `COPY`.
    Copy(Copy),
    /// `BEGIN` or `START TRANSACTION`.
    Begin,
    /// `COMMIT` or `END`.
    Commit {
        /// Whether a new transaction starts at once.
        chain: bool,
    },
    /// `ROLLBACK` or `ABORT`.
    Rollback {
        /// Whether a new transaction starts at once.
        chain: bool,
    },
    /// `SAVEPOINT`.
    Savepoint {
        /// The savepoint.
        name: String,
    },
    /// `RELEASE SAVEPOINT`.
    Release {
        /// The savepoint.
        name: String,
    },
    /// `ROLLBACK TO SAVEPOINT`.
    RollbackTo {
        /// The savepoint.
        name: String,
    },
    /// `PREPARE TRANSACTION`: the session has no transaction afterwards.
    PrepareTransaction,
    /// `COMMIT PREPARED` or `ROLLBACK PREPARED`: another transaction ends.
    FinishPrepared,
    /// `DISCARD`.
    Discard(Discard),
    /// MySQL's `USE`: the default database of what follows.
    Use {
        /// The database.
        database: String,
    },
    /// MySQL's `PREPARE … FROM`, with a text that is known only when it runs. One whose text is a constant is [`Control::Prepare`].
    PrepareText {
        /// The name to run it by.
        name: String,
    },
    /// `HANDLER … OPEN`.
    OpenHandler {
        /// The handler's name.
        name: String,
        /// The relation as written, schema first.
        relation: (Option<String>, String),
    },
    /// `HANDLER … READ`.
    ReadHandler {
        /// The handler's name.
        name: String,
    },
    /// `HANDLER … CLOSE`.
    CloseHandler {
        /// The handler's name.
        name: String,
    },
}

/// What `DISCARD` forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// Everything: settings, role, cursors, prepared statements, listening, locks, temporary tables.
    All,
    /// Cached plans.
    Plans,
    /// Sequence state.
    Sequences,
    /// Temporary tables.
    Temporary,
}

/// A `COPY` statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where the rows come from or go to.
    pub target: CopyTarget,
    /// Whether rows flow into the relation.
    pub from: bool,
    /// The relation as written, schema first; `None` for a query.
    pub relation: Option<(Option<String>, String)>,
    /// The query instead of a relation, written anew from its tree.
    pub query: Option<String>,
    /// The columns; empty for all.
    pub columns: Vec<String>,
    /// The options as written, the names in lower case. A list's members are joined by commas.
    pub options: Vec<(String, Option<String>)>,
}

/// The far end of a `COPY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyTarget {
    /// The client sends the rows.
    Stdin,
    /// The client receives the rows.
    Stdout,
    /// A file of the server's host.
    File,
    /// A program that the server runs.
    Program,
}

/// The form of the rows of a `COPY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// Tab-separated unless told otherwise.
    Text,
    /// Comma-separated values.
    Csv,
    /// PostgreSQL's binary format.
    Binary,
}

impl Copy {
    /// The value of an option; `None` if it is absent or has no value.
    pub fn option(&self, name: &str) -> Option<&str> {
        let found = self.options.iter().find(|(option, _)| option == name)?;
        found.1.as_deref()
    }

    /// The format; `None` if it is one that PostgreSQL doesn't have (the server will refuse it).
    pub fn format(&self) -> Option<CopyFormat> {
        match self.option("format") {
            None | Some("text") => Some(CopyFormat::Text),
            Some("csv") => Some(CopyFormat::Csv),
            Some("binary") => Some(CopyFormat::Binary),
            Some(_) => None,
        }
    }
}

impl Control {
    /// About the bytes that it holds outside itself.
    pub(crate) fn heap(&self) -> usize {
        let strings = |names: &[&str]| names.iter().map(|name| name.len() + 16).sum::<usize>();
        match self {
            Self::Set(setting) => strings(&[&setting.name, setting.value.as_deref().unwrap_or_default()]),
            Self::Prepare { name, statement } | Self::DeclareCursor { name, statement, .. } => {
                name.len() + crate::analyzer::weigh(statement)
            }
            Self::Copy(copy) => {
                let columns: usize = copy.columns.iter().map(|name| name.len() + 40).sum();
                let options = copy.options.iter();
                let options: usize = options
                    .map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len) + 80)
                    .sum();
                let query = copy.query.as_ref().map_or(0, String::len);
                query + columns + options + copy.relation.as_ref().map_or(0, |(_, name)| name.len() + 80)
            }
            Self::OpenHandler { name, relation } => {
                strings(&[name, &relation.1, relation.0.as_deref().unwrap_or_default()])
            }
            Self::Use { database: name }
            | Self::PrepareText { name }
            | Self::ReadHandler { name }
            | Self::CloseHandler { name }
            | Self::Reset { name }
            | Self::Execute { name }
            | Self::Fetch { name, .. }
            | Self::Savepoint { name }
            | Self::Release { name }
            | Self::RollbackTo { name } => strings(&[name]),
            Self::Deallocate { name } | Self::CloseCursor { name } => {
                strings(&[name.as_deref().unwrap_or_default()])
            }
            Self::None
            | Self::ResetAll
            | Self::Begin
            | Self::Commit { .. }
            | Self::Rollback { .. }
            | Self::PrepareTransaction
            | Self::FinishPrepared
            | Self::Discard(_) => 0,
        }
    }
}
