//! What a statement is made of, as far as its effects and the way of its values need it.
//!
//! Chains of operators, set operations and joins are lists, so that only what is really inside something else is deep.

use crate::control::Control;
use crate::effect::Effects;
use crate::statement::{Access, Gap, Setting};

/// A relation's or routine's name as written, folded as the server folds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

#[derive(Clone, Debug)]
pub(super) enum Expr {
    /// A string.
    Literal(String),
    /// A number as written.
    Number(String),
    Null,
    Parameter(usize),
    Column {
        schema: Option<String>,
        table: Option<String>,
        name: String,
    },
    /// `*`, `t.*`.
    Star {
        table: Option<String>,
    },
    Variable(String),
    SystemVariable(String),
    /// `@a := …`.
    Assign {
        name: String,
        value: Box<Expr>,
    },
    /// `-`, `~`, `not`, `!`, `binary`.
    Unary {
        operator: &'static str,
        operand: Box<Expr>,
    },
    /// Operators of one level, from left to right; names in lower case.
    Chain {
        first: Box<Expr>,
        rest: Vec<(&'static str, Expr)>,
    },
    /// `IS [NOT] NULL`, `IS [NOT] TRUE` and so on.
    Is {
        operand: Box<Expr>,
        what: Is,
        negated: bool,
    },
    In {
        operand: Box<Expr>,
        list: Vec<Expr>,
    },
    Between {
        parts: Box<[Expr; 3]>,
    },
    /// A match with a pattern: LIKE, REGEXP, SOUNDS LIKE, MEMBER OF.
    Like {
        operator: &'static str,
        parts: Vec<Expr>,
    },
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Call(Box<Call>),
    /// `CAST`, `CONVERT`: the type's first word.
    Cast {
        operand: Box<Expr>,
        to: String,
    },
    /// `COLLATE`: the same characters.
    Same(Box<Expr>),
    Interval(Box<Expr>),
    Row(Vec<Expr>),
    Query(Box<Query>),
    Exists(Box<Query>),
    /// `= ANY (SELECT …)` stands in a chain as its right side; `IN (SELECT …)`.
    Quantified(Box<Query>),
    Match {
        columns: Vec<Expr>,
        against: Box<Expr>,
    },
    /// `DEFAULT`, `DEFAULT(c)`.
    Default,
    /// `VALUES(c)` in `ON DUPLICATE KEY UPDATE`.
    Inserted(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Null,
    True,
    False,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: Name,
    /// It can only be a stored routine: space stands before the parenthesis of a name that needs it to touch.
    pub(super) stored: bool,
    pub(super) arguments: Vec<Expr>,
    pub(super) distinct: bool,
    pub(super) order: Vec<Expr>,
    pub(super) window: Option<Window>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    pub(super) partition: Vec<Expr>,
    pub(super) order: Vec<Expr>,
    pub(super) frame: Vec<Expr>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) with: Option<With>,
    pub(super) body: Body,
    pub(super) order: Vec<Expr>,
    pub(super) limit: Vec<Expr>,
    pub(super) into: Option<Into>,
    pub(super) locks: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    Table(Name),
    /// Set operations from left to right; whether each keeps rows that are alike.
    Operation {
        first: Box<Query>,
        rest: Vec<(bool, Query)>,
    },
}

impl Default for Body {
    fn default() -> Self {
        Self::Values(Vec::new())
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct With {
    pub(super) recursive: bool,
    pub(super) expressions: Vec<CommonTable>,
}

#[derive(Clone, Debug)]
pub(super) struct CommonTable {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) query: Query,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Select {
    pub(super) distinct: bool,
    pub(super) items: Vec<Item>,
    pub(super) from: Vec<Joined>,
    pub(super) condition: Option<Expr>,
    pub(super) group: Vec<Expr>,
    pub(super) rollup: bool,
    pub(super) having: Option<Expr>,
    pub(super) windows: Vec<Window>,
    pub(super) qualify: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) expression: Expr,
    pub(super) alias: Option<String>,
}

/// A table and what is joined to it.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    pub(super) first: Table,
    pub(super) rest: Vec<Join>,
}

#[derive(Clone, Debug)]
pub(super) struct Join {
    pub(super) table: Table,
    pub(super) natural: bool,
    pub(super) using: Vec<String>,
    pub(super) on: Option<Expr>,
    /// `RIGHT JOIN` changes the order of a star's columns where columns are shared.
    pub(super) right: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Table {
    Base {
        name: Name,
        alias: Option<String>,
        /// Expressions of `FOR SYSTEM_TIME`.
        times: Vec<Expr>,
    },
    Derived {
        query: Box<Query>,
        alias: Option<String>,
        columns: Vec<String>,
        lateral: bool,
    },
    Json {
        document: Box<Expr>,
        columns: Vec<String>,
        alias: Option<String>,
    },
    Nested(Vec<Joined>),
}

/// Where a query puts its rows besides the client.
#[derive(Clone, Debug)]
pub(super) enum Into {
    File,
    /// User variables with their `@`, and variables of a routine.
    Variables(Vec<String>),
}

/// `column = value`.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    /// The qualifier, if one is written.
    pub(super) table: Option<String>,
    pub(super) column: String,
    pub(super) value: Expr,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Insert {
    pub(super) replace: bool,
    pub(super) table: Name,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Expr>>,
    pub(super) query: Option<Box<Query>>,
    pub(super) alias: Option<String>,
    pub(super) alias_columns: Vec<String>,
    pub(super) update: Vec<Assignment>,
    pub(super) returning: Vec<Item>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Update {
    pub(super) with: Option<With>,
    pub(super) from: Vec<Joined>,
    pub(super) assignments: Vec<Assignment>,
    pub(super) condition: Option<Expr>,
    pub(super) order: Vec<Expr>,
    pub(super) limit: Vec<Expr>,
    pub(super) returning: Vec<Item>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Delete {
    pub(super) with: Option<With>,
    /// Names or aliases of the tables that lose rows.
    pub(super) targets: Vec<Name>,
    pub(super) from: Vec<Joined>,
    pub(super) condition: Option<Expr>,
    pub(super) order: Vec<Expr>,
    pub(super) limit: Vec<Expr>,
    pub(super) returning: Vec<Item>,
}

/// One assignment of `SET`.
#[derive(Clone, Debug)]
pub(super) enum Set {
    /// `@a = …`, and a variable of a routine without its `@`.
    Variable {
        name: String,
        value: Expr,
    },
    System {
        setting: Setting,
        value: Expr,
    },
    /// What has a name but no value that can be an expression: `NAMES`, `TRANSACTION`.
    Fixed(Setting),
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) enum Statement {
    Query(Query),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Set(Vec<Set>),
    /// `SET STATEMENT … FOR …`, `EXPLAIN …`, `PREPARE … FROM '…'`, and what else has one statement inside.
    Around {
        outer: Command,
        inner: Box<Statement>,
        how: Around,
    },
    /// Statements of a routine, trigger or event, or a block that runs at once.
    Block {
        outer: Command,
        statements: Vec<Statement>,
    },
    CreateTable {
        outer: Command,
        name: Name,
        query: Option<Box<Query>>,
    },
    CreateView {
        outer: Command,
        name: Name,
        columns: Vec<String>,
        query: Box<Query>,
    },
    /// What is known without looking further.
    Command(Command),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// The inner one runs with settings of its own.
    Settings,
    /// A plan comes back; with `ANALYZE` the inner one runs too.
    Explain { runs: bool },
    /// The inner one will run later.
    Prepare,
    /// The inner one runs now.
    Immediate,
}

/// A statement without a shape of its own: what it does, and what stands in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    pub(super) kind: &'static str,
    pub(super) effects: Effects,
    pub(super) relations: Vec<(Name, Access)>,
    /// Columns that it means are not named.
    pub(super) wide: bool,
    pub(super) expressions: Vec<Expr>,
    pub(super) queries: Vec<Query>,
    pub(super) settings: Vec<Setting>,
    pub(super) control: Control,
    /// Rows come back.
    pub(super) returns: bool,
    /// Rows become reachable in another way.
    pub(super) exposes: bool,
    /// User variables that take a value that can't be followed.
    pub(super) writes: Vec<String>,
    pub(super) gaps: Vec<Gap>,
}
