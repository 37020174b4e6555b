//! What the way through one statement knows and gathers, whatever the dialect.

use std::collections::BTreeSet;

use super::scope::{Column, Level, blend, whole_of};
use super::{ColumnId, Condition, Flow, How, Lineage, Operand, Probe, Routines, Schema, Stored};

/// How many of a statement's own values for protected columns are listed, and up to how many bytes each.
const GIVEN: usize = 1000;
const GIVEN_LENGTH: usize = 256;
/// Expressions that are looked at for one statement. A recursive query is gone through again until nothing changes, so the
/// work is not bound by the text's length alone.
const STEPS: usize = 1 << 20;

/// What is known and gathered.
pub(crate) struct Trace<'s> {
    pub(crate) schema: &'s dyn Schema,
    /// The scopes around the place at hand, the innermost last.
    pub(crate) levels: Vec<Level>,
    pub(crate) conditions: BTreeSet<Condition>,
    probes: BTreeSet<Probe>,
    given: BTreeSet<Probe>,
    pub(crate) stores: Vec<Stored>,
    pub(crate) gap: Option<String>,
    /// A routine of the users' reads protected columns by itself.
    pub(crate) routines_read: bool,
    has_constants: bool,
    steps: usize,
}

impl<'s> Trace<'s> {
    pub(crate) fn new(schema: &'s dyn Schema) -> Self {
        Self {
            schema,
            levels: Vec::new(),
            conditions: BTreeSet::new(),
            probes: BTreeSet::new(),
            given: BTreeSet::new(),
            stores: Vec::new(),
            gap: None,
            routines_read: false,
            has_constants: false,
            steps: 0,
        }
    }

    /// What was gathered, with the result's columns and what user variables take.
    pub(crate) fn finish(self, outputs: Vec<Column>, variables: Vec<(String, Flow)>) -> Lineage {
        Lineage {
            outputs: outputs.into_iter().map(Column::output).collect(),
            conditions: self.conditions.into_iter().collect(),
            probes: self.probes.into_iter().collect(),
            given: self.given.into_iter().collect(),
            stores: self.stores,
            variables,
            gap: self.gap,
            has_constants: self.has_constants,
        }
    }

    /// Counts an expression; false if there were too many.
    pub(crate) fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps > STEPS {
            self.lose("too much to trace");
            return false;
        }
        true
    }

    /// Notes that something can't be followed. The first says enough.
    pub(crate) fn lose(&mut self, why: impl Into<String>) {
        if self.gap.is_none() {
            self.gap = Some(why.into());
        }
    }

    /// Protected columns that decide something that shows.
    pub(crate) fn decides(&mut self, flow: &Flow) {
        for (column, how) in flow.iter() {
            self.conditions.insert(Condition {
                column,
                equality: how == How::Compared,
            });
        }
    }

    fn probes(&mut self, column: ColumnId, operands: impl IntoIterator<Item = Operand>) {
        for operand in operands {
            self.has_constants |= operand.is_constant();
            self.probes.insert(Probe { column, operand });
        }
    }

    /// The client's own values for a column, if it is a protected one.
    pub(crate) fn gives(&mut self, column: Option<&Column>, values: Vec<Operand>) {
        let Some((column, How::Same)) = column.and_then(|column| column.flow.iter().next()) else {
            return;
        };
        for operand in values {
            self.has_constants |= operand.is_constant();
            let long = matches!(&operand, Operand::Literal(text) if text.len() > GIVEN_LENGTH);
            if !long && self.given.len() < GIVEN {
                self.given.insert(Probe { column, operand });
            }
        }
    }

    /// The rows that a qualifier stands for: those of the nearest scope that has any of that name. Several of one name are of
    /// different schemas, and all of them count: others are an error of the server's.
    pub(crate) fn rows(&self, qualifier: &str) -> Option<Vec<Column>> {
        self.levels.iter().rev().find_map(|level| {
            let rows = level.sources.iter().flat_map(|source| &source.rows);
            let mut found = rows.filter(|row| row.name == qualifier);
            let first = found.next()?.columns.clone();
            Some(found.fold(first, |mut all, row| {
                all.extend(row.columns.iter().cloned());
                all
            }))
        })
    }

    /// Columns that a join makes equal.
    pub(crate) fn compares(&mut self, sides: &[Flow]) {
        let all: Flow = sides.iter().cloned().collect();
        if !all.is_clean() {
            let flow = if sides.iter().all(is_value) {
                all.compared()
            } else {
                all
            };
            self.decides(&flow);
        }
    }

    /// What a comparison shows: an equality if `with` lists the client's own values, anything otherwise.
    pub(crate) fn compared(&mut self, flows: &[Flow; 2], with: Option<Vec<Operand>>) -> Flow {
        let all: Flow = flows.iter().cloned().collect();
        let Some(with) = with else {
            return all.through(How::Computed);
        };
        for column in all.shown().collect::<Vec<_>>() {
            self.probes(column, with.iter().cloned());
        }
        all.compared()
    }

    /// Rows are put together by this: nothing of a value shows, unless the client can bring values of its own among them.
    pub(crate) fn groups(&mut self, flow: &Flow) {
        if flow.most().is_some_and(|how| how != How::Same) {
            self.decides(flow);
        }
    }

    /// The columns of two queries above each other.
    pub(crate) fn unite(&mut self, left: &[Column], right: &[Column]) -> Vec<Column> {
        let listed = left.iter().chain(right).all(|column| !column.many);
        if listed && left.len() == right.len() {
            let pairs = left.iter().zip(right);
            return pairs
                .map(|(left, right)| Column {
                    name: left.name.clone(),
                    flow: blend([left.flow.clone(), right.flow.clone()]),
                    many: false,
                })
                .collect();
        }
        if listed {
            self.lose("sides of a set operation that differ");
        }
        vec![Column::many(blend([whole_of(left), whole_of(right)]))]
    }

    /// Puts a row of VALUES below those before it; `first`: there was none.
    pub(crate) fn stack(&mut self, columns: &mut Vec<Flow>, first: bool, row: Vec<Flow>) {
        for (place, flow) in row.into_iter().enumerate() {
            match columns.get_mut(place) {
                Some(known) => *known = blend([std::mem::take(known), flow]),
                None if first => columns.push(flow),
                None => self.lose("rows of VALUES that differ"),
            }
        }
    }

    /// What one of the users' own routines shows and does.
    pub(crate) fn uses(&mut self, name: &str, routines: Routines, arguments: Flow) -> Flow {
        if arguments.shows() {
            if routines.keeps_arguments {
                self.lose(format!("{name} may put its arguments elsewhere"));
            }
            self.decides(&arguments);
        }
        self.routines_read |= !routines.reads.is_clean();
        let mut flow = arguments.through(How::Computed);
        flow.merge(&routines.reads.through(How::Computed));
        flow
    }

    /// Whether all that shows is of columns whose values are no text.
    pub(crate) fn no_text(&self, flow: &Flow) -> bool {
        flow.shown().all(|column| !self.schema.is_text(column))
    }
}

/// Whether it is a column's value as it is (or values of several).
pub(crate) fn is_value(flow: &Flow) -> bool {
    flow.most() == Some(How::Same)
}

/// Constants put together are a constant; one that a parameter takes part in counts as it.
pub(crate) fn joined(operands: Vec<Operand>) -> Vec<Operand> {
    let literals: Option<Vec<&str>> = operands
        .iter()
        .map(|operand| match operand {
            Operand::Literal(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    match literals {
        Some(literals) => vec![Operand::Literal(literals.join("\u{1f}"))],
        None => operands,
    }
}

/// The columns of a target as they show after something was stored in them; without a name, in any of them.
pub(crate) fn with_stored<'c>(
    target: &[Column],
    stored: impl IntoIterator<Item = (Option<&'c str>, &'c Flow)>,
) -> Vec<Column> {
    let mut columns = target.to_vec();
    for (name, flow) in stored {
        for column in &mut columns {
            if name.is_none_or(|name| column.may_be(name)) {
                column.flow.merge(flow);
            }
        }
    }
    columns
}
