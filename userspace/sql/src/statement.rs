//! What is known of one statement.

use std::fmt;
use std::ops::Range;

use crate::control::Control;
use crate::effect::Effects;

/// How a statement uses a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Values of its rows can flow from it (`FROM`, `RETURNING`, `COPY … TO`, the right side of `SET`). A target whose
    /// columns appear only in a condition counts as written, not as read.
    Read,
    /// Its rows change.
    Write,
    /// Anything that touches neither: its definition, name, privileges, lock or statistics.
    Define,
}

impl Access {
    /// The name that the audit uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Define => "define",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A table, view, sequence or index that a statement names, folded as the server folds names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Relation {
    /// The schema, if the statement named one; otherwise the search path decides.
    pub schema: Option<String>,
    /// The name.
    pub name: String,
    /// What the statement does with it. A relation used in two ways is listed twice.
    pub access: Access,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// A change of a session setting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    /// The name, in lower case.
    pub name: String,
    /// The new value; `None` if it becomes the default or is not a constant.
    pub value: Option<String>,
    /// Whether it lasts only until the transaction ends.
    pub local: bool,
    /// Whether it is the server's and not the session's (MySQL's `GLOBAL`, `PERSIST`).
    pub global: bool,
}

/// MySQL's user variables in a statement, by their names without `@` in lower case, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// Those whose values it uses.
    pub read: Vec<String>,
    /// Those that it sets, be it in a routine that it only defines.
    pub written: Vec<String>,
}

/// The columns that a statement's expressions can mean, wherever they stand: output, condition, sub-query. A column that is
/// only written (`SET name = …`, a list of `INSERT`) is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The names used, without qualifiers, sorted; functions' names too, because `name(row)` is `row.name`.
    pub columns: Vec<String>,
    /// Columns are meant beyond those named: by a star, a whole row, or names given by position.
    pub wide: bool,
}

impl References {
    /// Whether a column of this name can be meant.
    pub fn may_mean(&self, column: &str) -> bool {
        self.wide
            || self
                .columns
                .binary_search_by(|name| name.as_str().cmp(column))
                .is_ok()
    }
}

/// One statement of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The leading verb in lower case (`select`, `insert`, `copy`, `begin`, …); `unknown` if the text can't be parsed.
    /// `TABLE t` is a `select`, `START TRANSACTION` a `begin`, `END` a `commit`; a `WITH` takes its main statement's.
    pub kind: &'static str,
    /// Everything that it can do, sub-statements and routine bodies included.
    pub effects: Effects,
    /// Every relation that it names, each use once. Names of common table expressions are not relations.
    pub relations: Vec<Relation>,
    /// Every function that it calls, each once, with its schema if that was written.
    pub functions: Vec<String>,
    /// Which columns it can mean.
    pub references: References,
    /// Settings that it may change besides that of [`Control::Set`]: by `set_config` calls inside it, or all of a MySQL `SET` that
    /// has several.
    pub settings: Vec<Setting>,
    /// User variables that it sets and uses.
    pub variables: Variables,
    /// Where it is in the text that was analysed, in bytes, without the semicolon and without surrounding space and comments. Texts that differ in
    /// constants only may share their analysis: [`Analysis::part`](crate::Analysis::part) knows where it is in any of them.
    pub range: Range<usize>,
    /// What it asks of the session.
    pub control: Control,
    /// Whether it can send result columns to the client (`SELECT`, `RETURNING`, `FETCH`, `EXECUTE`, `CALL`,
    /// `COPY … TO STDOUT`, `EXPLAIN`, `SHOW`).
    pub returns_rows_of_relations: bool,
    /// Whether it reads relations and puts something derived elsewhere than into its result: another table, a file, a
    /// view, a rule, a routine, a notification, a setting, another name for the same rows.
    pub stores_what_it_reads: bool,
    /// What the analysis could not see in this statement; empty if nothing.
    pub gaps: Vec<Gap>,
}

impl Statement {
    /// A statement of which nothing is known but where it is.
    pub(crate) fn unknown(range: Range<usize>, gap: Gap) -> Self {
        Self {
            kind: "unknown",
            effects: Effects::NONE,
            relations: Vec::new(),
            functions: Vec::new(),
            references: References {
                columns: Vec::new(),
                wide: true,
            },
            settings: Vec::new(),
            variables: Variables::default(),
            range,
            control: Control::None,
            returns_rows_of_relations: true,
            stores_what_it_reads: true,
            gaps: vec![gap],
        }
    }

    /// Whether the analysis covers everything that the statement does.
    pub fn complete(&self) -> bool {
        self.gaps.is_empty()
    }
}

/// Why an analysis does not cover everything that a text does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Gap {
    /// The bytes are not UTF-8, or contain a zero byte.
    #[error("the text is not valid UTF-8")]
    NotText,
    /// The text is longer than the analysis accepts.
    #[error("the text has {bytes} bytes, more than the {limit} that are analysed")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The text can't be cut into tokens with certainty the way the server does it.
    #[error("the text can't be read as the server reads it: {0}")]
    Unreadable(&'static str),
    /// The grammar does not accept the text. Carries the parser's message without literals.
    #[error("unparsable: {0}")]
    Unparsable(String),
    /// The parse tree is deeper than it can be walked.
    #[error("nesting too deep to analyse")]
    TooDeep,
    /// The parse tree would be too large to walk.
    #[error("too large to analyse")]
    TooLarge,
    /// The parse tree has a node that this analysis does not know.
    #[error("unknown construct `{0}`")]
    UnknownNode(&'static str),
    /// A function runs SQL that it is given as text.
    #[error("`{0}` runs SQL given as text")]
    SqlAsText(String),
    /// A routine's body builds SQL when it runs.
    #[error("the routine runs SQL built at run time")]
    Dynamic,
    /// A routine's body is in a language that is not analysed.
    #[error("a routine in the language `{0}`")]
    Language(String),
    /// A routine's body can't be parsed. Carries the parser's message without literals.
    #[error("a routine's body: {0}")]
    Body(String),
    /// A setting is changed whose name is not a constant.
    #[error("a setting is changed whose name is computed")]
    ComputedSetting,
    /// What a request of an API does is not known. Says what is unknown about it, without data.
    #[error("what the request does is not known: {0}")]
    UnknownRequest(String),
    /// The analysis itself failed.
    #[error("the analysis failed")]
    Internal,
}
