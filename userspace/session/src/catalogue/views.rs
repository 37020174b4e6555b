//! Views: what each of their columns is made of.

use interdict_sql::Analyzer;
use interdict_sql::lineage::{Flow, How};

use super::schema::Inside;
use super::{FIRST_USER_OID, MaskMap};

impl MaskMap {
    /// Traces every view through which protected columns can be read; the nearest to the tables first.
    pub(super) fn expand_views(&mut self, analyzer: &Analyzer) {
        let catalogue = self.shared_catalogue();
        let mut left: Vec<u32> = catalogue.definitions.keys().copied().collect();
        left.sort_unstable();
        while !left.is_empty() {
            let before = left.len();
            let waiting = left.clone();
            left.retain(|view| {
                let uses = catalogue.dependencies.get(view).map_or(&[][..], Vec::as_slice);
                if uses
                    .iter()
                    .any(|(relation, _)| relation != view && waiting.contains(relation))
                {
                    return true;
                }
                let mut relations: Vec<u32> = uses.iter().map(|(relation, _)| *relation).collect();
                relations.sort_unstable();
                relations.dedup();
                self.expand(*view, &relations, analyzer);
                false
            });
            if left.len() == before {
                // Views that depend on each other: nothing is known of any.
                for view in left.drain(..) {
                    self.lose(view);
                }
            }
        }
    }

    fn expand(&mut self, view: u32, relations: &[u32], analyzer: &Analyzer) {
        let catalogue = self.shared_catalogue();
        let Some((definition, entry)) = catalogue
            .definitions
            .get(&view)
            .zip(catalogue.relations.get(&view))
        else {
            return;
        };
        if definition.is_empty() {
            // This user may not know its query.
            self.lose(view);
            return;
        }
        let near = relations
            .iter()
            .any(|relation| self.is_sensitive_oid(*relation) || self.is_untraced(*relation));
        if !near && !self.routines_read() {
            return;
        }
        let inside = Inside { map: self, relations };
        let traced = catalogue.reading.trace(analyzer, definition.as_bytes(), &inside);
        let [lineage] = traced.as_slice() else {
            self.lose(view);
            return;
        };
        if lineage.gap.is_some() {
            if near {
                self.lose(view);
            }
            return;
        }
        let count = entry.columns.len();
        let flows: Option<Vec<(i16, Flow)>> = entry
            .columns
            .iter()
            .filter(|column| !column.hidden)
            .enumerate()
            .map(|(index, column)| Some((column.number, lineage.output(index, count)?)))
            .collect();
        match flows {
            Some(flows) => {
                for (number, flow) in flows {
                    if !flow.is_clean() {
                        // An equality that somebody put into a view is no question of this client's.
                        let shown: Flow = flow
                            .iter()
                            .filter(|(_, how)| *how > How::Compared)
                            .map(|(column, how)| Flow::of(column).through(how))
                            .collect();
                        self.add_flow(view, number, shown);
                    }
                }
            }
            None => self.lose(view),
        }
        debug_assert!(view >= FIRST_USER_OID, "the server's own views are not expanded");
    }
}
