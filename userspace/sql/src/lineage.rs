//! Where values come from and where they go: the lineage of protected columns through one statement.
//!
//! [`Lineage`] is about the columns that a [`Schema`] protects and no others. It is made to be proven, not guessed: what it
//! can't follow is a gap, and a lineage with a gap says nothing about the statement.

pub(crate) mod scope;
pub(crate) mod total;
pub(crate) mod trace;

use std::borrow::Cow;

/// A column as the server knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnId {
    /// The relation's OID.
    pub relation: u32,
    /// The attribute number, from 1.
    pub attribute: i16,
}

/// How much of a protected column a value shows, from little to much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// Whether it equals a value that the client gave.
    Compared,
    /// It is the column's value, or NULL where that is NULL.
    Same,
    /// Something made of it that is NULL exactly where the column is.
    Strict,
    /// Anything that depends on it, its being NULL included.
    Computed,
}

/// The protected columns that a value depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow(Vec<(ColumnId, How)>);

impl Flow {
    /// Of no protected column.
    pub const CLEAN: Self = Self(Vec::new());

    /// The column itself.
    pub fn of(column: ColumnId) -> Self {
        Self(vec![(column, How::Same)])
    }

    /// Whether it depends on no protected column.
    pub fn is_clean(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it shows more of a protected column than an equality.
    pub fn shows(&self) -> bool {
        self.0.iter().any(|(_, how)| *how > How::Compared)
    }

    /// The columns, sorted, each with how much of it shows.
    pub fn iter(&self) -> impl Iterator<Item = (ColumnId, How)> + '_ {
        self.0.iter().copied()
    }

    /// The columns that show in some way that is more than an equality.
    pub fn shown(&self) -> impl Iterator<Item = ColumnId> + '_ {
        self.iter()
            .filter(|(_, how)| *how > How::Compared)
            .map(|(column, _)| column)
    }

    /// The most that shows of any of them.
    pub fn most(&self) -> Option<How> {
        self.0.iter().map(|(_, how)| *how).max()
    }

    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        for (column, how) in &other.0 {
            match self.0.binary_search_by_key(column, |(known, _)| *known) {
                Ok(at) => {
                    if let Some((_, known)) = self.0.get_mut(at) {
                        *known = (*known).max(*how);
                    }
                }
                Err(at) => self.0.insert(at, (*column, *how)),
            }
        }
    }

    /// What a function of it shows: equalities stay what they are, of the rest at least so much.
    #[must_use]
    pub fn through(mut self, how: How) -> Self {
        for (_, known) in &mut self.0 {
            if *known > How::Compared {
                *known = (*known).max(how);
            }
        }
        self
    }

    /// What a comparison of it with the client's value shows.
    #[must_use]
    pub(crate) fn compared(mut self) -> Self {
        for (_, how) in &mut self.0 {
            *how = How::Compared;
        }
        self
    }
}

impl FromIterator<Self> for Flow {
    fn from_iter<I: IntoIterator<Item = Self>>(flows: I) -> Self {
        let mut all = Self::default();
        for flow in flows {
            all.merge(&flow);
        }
        all
    }
}

/// A relation's column.
#[derive(Clone, Debug)]
pub struct SchemaColumn {
    /// Its name.
    pub name: String,
    /// What a reader of the column sees of protected columns: itself, where it is one; what a view computes.
    pub flow: Flow,
}

/// What routines of a name can do besides computing with their arguments.
#[derive(Clone, Debug, Default)]
pub struct Routines {
    /// Protected columns that they can read by themselves.
    pub reads: Flow,
    /// Whether their arguments can go elsewhere than into the result: a table, a message, a program.
    pub keeps_arguments: bool,
}

/// What a database is made of, as lineage needs it.
pub trait Schema {
    /// The columns of every relation that a name may stand for, each list in the order of a `*`; none if the name is not known.
    /// A relation whose columns can't be traced is an error.
    ///
    /// # Errors
    /// [`Untraced`].
    fn relations(&self, schema: Option<&str>, name: &str) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced>;

    /// The users' own routines that a name may stand for; `None` if there is none of that name.
    fn routines(&self, schema: Option<&str>, name: &str) -> Option<Routines>;

    /// The users' own operators written so; `None` if there is none.
    fn operators(&self, symbol: &str) -> Option<Routines>;

    /// Whether the length of a column's values may be known.
    fn shows_length(&self, column: ColumnId) -> bool;

    /// What a MySQL user variable (without `@`, in lower case) may hold of protected columns, by what the session did before; a system
    /// variable comes with one `@` before its name.
    fn variable(&self, _name: &str) -> Flow {
        Flow::CLEAN
    }

    /// Whether a MySQL column holds characters: compared with a number it is converted, and a warning quotes it.
    fn is_text(&self, _column: ColumnId) -> bool {
        true
    }

    /// Whether `*` leaves a column out (MySQL's and MariaDB's `INVISIBLE`).
    fn hides(&self, _schema: Option<&str>, _relation: &str, _column: &str) -> bool {
        false
    }

    /// The relation, schema first, that a MySQL `HANDLER … OPEN` gave a name; `None` if there is none of that name, so that it is
    /// the relation's own.
    fn handler(&self, _name: &str) -> Option<(Option<String>, String)> {
        None
    }
}

/// A relation whose columns are of unknown origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untraced;

/// One output column, or a run of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputColumn {
    /// Its name, where that is certain.
    pub name: Option<String>,
    /// What it shows.
    pub flow: Flow,
    /// It stands for any number of columns: the `*` of a relation whose columns are not listed.
    pub many: bool,
}

/// A protected column in a place where its values decide something that shows: which rows come, in what order, whether
/// the statement fails.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    /// The column.
    pub column: ColumnId,
    /// Whether it is compared for equality with a value that the client gave, and nothing else.
    pub equality: bool,
}

/// A value that a protected column is compared with, or that is stored in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Probe {
    /// The column.
    pub column: ColumnId,
    /// The value.
    pub operand: Operand,
}

/// One side of an equality.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operand {
    /// A constant of the text.
    Literal(String),
    /// The parameter of this number, from 1.
    Parameter(usize),
    /// A constant array, as written.
    LiteralArray(String),
    /// The elements of the array in the parameter of this number.
    ParameterArray(usize),
}

impl Operand {
    /// Whether it is of the text itself.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Self::Literal(_) | Self::LiteralArray(_))
    }

    /// The elements of a value that is an array.
    pub(crate) fn array(self) -> Self {
        match self {
            Self::Literal(text) => Self::LiteralArray(text),
            Self::Parameter(number) => Self::ParameterArray(number),
            array @ (Self::LiteralArray(_) | Self::ParameterArray(_)) => array,
        }
    }
}

/// Something derived from protected columns that a statement stores in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The schema as written.
    pub schema: Option<String>,
    /// The relation.
    pub relation: String,
    /// The column; `None` if it is not known which.
    pub column: Option<String>,
    /// What is stored.
    pub flow: Flow,
    /// The statement makes the relation.
    pub new: bool,
}

/// What becomes of protected columns in one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The result's columns in order; for `PREPARE` and `DECLARE` those that running it will give.
    pub outputs: Vec<OutputColumn>,
    /// Where protected columns decide something, sorted, each once.
    pub conditions: Vec<Condition>,
    /// What they are compared with, sorted, each once.
    pub probes: Vec<Probe>,
    /// Values of the client's own that are stored in them, sorted, each once. Long ones, and those after the first thousand, are left
    /// out.
    pub given: Vec<Probe>,
    /// Where they are stored. Only what shows something is listed.
    pub stores: Vec<Stored>,
    /// MySQL user variables (without `@`, in lower case) that take something made of them, and what. One may come more than once.
    pub variables: Vec<(String, Flow)>,
    /// Why the rest says nothing; `None` if it is certain.
    pub gap: Option<String>,
    /// Constants of the text are among the operands, or would be if they were shorter or fewer. Without them, texts that share an
    /// analysis ([`crate::Analysis::template`]) share this too.
    pub has_constants: bool,
}

impl Lineage {
    /// What the `index`th of `count` result columns shows; `None` if the result can't be this statement's.
    pub fn output(&self, index: usize, count: usize) -> Option<Flow> {
        let first = self.outputs.iter().position(|output| output.many);
        let Some(first) = first else {
            return (self.outputs.len() == count)
                .then(|| self.outputs.get(index).map(|output| output.flow.clone()))
                .flatten();
        };
        let last = self.outputs.iter().rposition(|output| output.many)?;
        let after = self.outputs.len() - last - 1;
        if index >= count || first + after > count {
            return None;
        }
        if index < first {
            return self.outputs.get(index).map(|output| output.flow.clone());
        }
        if index >= count - after {
            let at = self.outputs.len() - (count - index);
            return self.outputs.get(at).map(|output| output.flow.clone());
        }
        let middle = self.outputs.get(first..=last)?;
        Some(middle.iter().map(|output| output.flow.clone()).collect())
    }

    /// About the bytes that it occupies.
    pub fn weight(&self) -> usize {
        let outputs: usize = self
            .outputs
            .iter()
            .map(|output| 80 + output.name.as_ref().map_or(0, String::len) + 16 * output.flow.0.len())
            .sum();
        size_of::<Self>()
            + outputs
            + 16 * self.conditions.len()
            + 48 * (self.probes.len() + self.given.len())
            + 120 * self.stores.len()
            + 80 * self.variables.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(attribute: i16) -> ColumnId {
        ColumnId {
            relation: 20_000,
            attribute,
        }
    }

    fn column(attribute: i16) -> OutputColumn {
        OutputColumn {
            name: None,
            flow: Flow::of(id(attribute)),
            many: false,
        }
    }

    #[test]
    fn a_merge_keeps_the_most_that_shows() {
        let mut flow = Flow::of(id(2));
        flow.merge(&Flow::of(id(1)).through(How::Strict));
        flow.merge(&Flow::of(id(2)).compared());
        assert_eq!(
            flow.iter().collect::<Vec<_>>(),
            [(id(1), How::Strict), (id(2), How::Same)]
        );
        assert_eq!(
            flow.clone().compared().through(How::Computed).most(),
            Some(How::Compared)
        );
        assert!(!flow.compared().shows());
    }

    #[test]
    fn a_run_of_columns_takes_what_the_others_leave() {
        let many = OutputColumn {
            many: true,
            ..column(9)
        };
        let lineage = Lineage {
            outputs: vec![column(1), many, column(2)],
            ..Lineage::default()
        };
        let shown = |index, count| {
            lineage
                .output(index, count)
                .map(|flow| flow.shown().collect::<Vec<_>>())
        };
        assert_eq!(shown(0, 5), Some(vec![id(1)]));
        assert_eq!(shown(1, 5), Some(vec![id(9)]));
        assert_eq!(shown(3, 5), Some(vec![id(9)]));
        assert_eq!(shown(4, 5), Some(vec![id(2)]));
        assert_eq!(shown(1, 2), Some(vec![id(2)]), "the run may be empty");
        assert_eq!(shown(0, 1), None);
        let plain = Lineage {
            outputs: vec![column(1)],
            ..Lineage::default()
        };
        assert_eq!(plain.output(0, 2), None, "another result than was traced");
    }
}
