//! What names stand for.

use super::Tracer;
use crate::lineage::Flow;
use crate::lineage::scope::Column;

impl Tracer<'_> {
    /// What a column's name stands for. Tables of one name, of different databases, all count.
    pub(super) fn column(&mut self, table: Option<&str>, name: &str) -> Flow {
        match table {
            Some(table) => {
                let Some(columns) = self.rows(table) else {
                    self.lose("a table that is not in sight");
                    return Flow::CLEAN;
                };
                self.member(&columns, name)
            }
            None => self.unqualified(name),
        }
    }

    fn unqualified(&mut self, name: &str) -> Flow {
        let mut found = Flow::default();
        let mut open = false;
        let innermost = self.levels.len().saturating_sub(1);
        for (index, level) in self.levels.iter().enumerate().rev() {
            let sources = || level.sources.iter().flat_map(|source| &source.columns);
            let aliases = level
                .aliases
                .iter()
                .filter(|_| level.open || index < innermost)
                .filter(|column| column.name.as_deref() == Some(name));
            let mut certain = false;
            for column in sources()
                .filter(|column| column.name.as_deref() == Some(name))
                .chain(aliases)
            {
                found.merge(&column.flow);
                certain = true;
            }
            if certain {
                return found;
            }
            // Columns without a certain name may be it, and what is further out may be it too.
            for column in sources().filter(|column| column.name.is_none()) {
                found.merge(&column.flow);
                open = true;
            }
            // The server folds some names in ways of its own.
            if !name.is_ascii() && sources().next().is_some() {
                self.lose("a column's name beyond ASCII");
                return found;
            }
        }
        if !open {
            self.lose("a column that is not in sight");
        }
        found
    }

    fn member(&mut self, columns: &[Column], name: &str) -> Flow {
        let known: Vec<_> = columns
            .iter()
            .filter(|column| column.name.as_deref() == Some(name))
            .collect();
        if !known.is_empty() {
            return known.into_iter().map(|column| column.flow.clone()).collect();
        }
        if !columns.iter().any(|column| column.name.is_none()) {
            self.lose("a column that is not in its table");
        }
        columns
            .iter()
            .filter(|column| column.name.is_none())
            .map(|column| column.flow.clone())
            .collect()
    }
}
