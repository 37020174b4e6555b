//! What names stand for at one place of a query.

pub(super) use crate::lineage::scope::{Column, Level, Rows, Source, whole};
use crate::lineage::{Flow, How};

use super::Tracer;

/// Columns that every table has and that hold none of its data.
pub(super) fn is_system_column(name: &str) -> bool {
    ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "oid"].contains(&name)
}

impl Tracer<'_, '_> {
    /// What a name without a qualifier stands for.
    pub(super) fn unqualified(&mut self, name: &str) -> Flow {
        let mut found = Flow::default();
        let mut open = false;
        for level in self.levels.iter().rev() {
            let columns = || level.sources.iter().flat_map(|source| &source.columns);
            if columns().any(|column| column.name.as_deref() == Some(name)) {
                // Another of the same level that could be it too would be an error of the server's.
                for column in columns().filter(|column| column.name.as_deref() == Some(name)) {
                    found.merge(&column.flow);
                }
                return found;
            }
            // Columns without a certain name may be it, and what is further out may be it too.
            for column in columns().filter(|column| column.name.is_none()) {
                found.merge(&column.flow);
                open = true;
            }
        }
        // No column: the whole row of something in sight.
        let rows = self
            .levels
            .iter()
            .rev()
            .flat_map(|level| &level.sources)
            .flat_map(|source| &source.rows);
        let mut whole_row = None;
        for row in rows.filter(|row| row.name == name) {
            whole_row
                .get_or_insert_with(Flow::default)
                .merge(&whole(&row.columns));
        }
        if let Some(flow) = whole_row {
            found.merge(&flow);
        } else if !open && !is_system_column(name) {
            self.lose("a column that is not in sight");
        }
        found
    }

    /// What `qualifier.name` stands for.
    pub(super) fn qualified(&mut self, qualifier: &str, name: &str) -> Flow {
        let Some(columns) = self.rows(qualifier) else {
            // A column of composite type, whose field this is.
            return self.unqualified(qualifier).through(How::Computed);
        };
        self.member(&columns, name)
    }

    /// A row's column, or a function that is called on the row.
    pub(super) fn member(&mut self, columns: &[Column], name: &str) -> Flow {
        let known = columns
            .iter()
            .filter(|column| column.name.as_deref() == Some(name));
        let mut flows = known.map(|column| column.flow.clone()).peekable();
        if flows.peek().is_some() {
            return flows.collect();
        }
        drop(flows);
        let mut flow: Flow = columns
            .iter()
            .filter(|column| column.name.is_none())
            .map(|column| column.flow.clone())
            .collect();
        let open = columns.iter().any(|column| column.name.is_none());
        if is_system_column(name) {
            return flow;
        }
        if !open || self.schema.routines(None, name).is_some() {
            flow.merge(&self.apply(None, name, &[whole(columns)]));
        }
        flow
    }
}
