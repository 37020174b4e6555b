//! Statements that have names: prepared in SQL, or read by a cursor.

use std::sync::Arc;

use interdict_sql::lineage::Lineage;
use interdict_sql::{Analysis, Control, Statement};

use super::{Reach, Session, lost};
use crate::catalogue::MaskMap;
use crate::reading::Reading;

/// A statement that has a name.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    pub(crate) analysis: Arc<Analysis>,
    pub(crate) text: Arc<str>,
    /// Which statement of the text.
    pub(crate) index: usize,
}

impl Session {
    /// What a statement reaches, also by the names of others in it. `lookup`: everything that a name may stand for.
    pub(crate) fn reach_by_name(
        &self,
        statement: &Statement,
        map: &MaskMap,
        lookup: impl Fn(&str) -> Vec<Spoken>,
    ) -> Reach {
        let own = self.reach(statement, map);
        let Some(name) = name(statement) else {
            return own;
        };
        let known = lookup(name);
        if known.is_empty() {
            return Reach::ALL;
        }
        known.iter().fold(own, |reach, spoken| {
            let inner = spoken.analysis.statements.get(spoken.index);
            reach.or(inner.map_or(Reach::ALL, |inner| match self::name(inner) {
                // A name that stands for another name: there is no such thing but `EXPLAIN EXECUTE`.
                Some(_) => Reach::ALL,
                None => self.reach(inner, map),
            }))
        })
    }

    /// Where masked columns go in a statement.
    pub(crate) fn lineage(
        &self,
        analysis: &Analysis,
        index: usize,
        text: &str,
        reading: &Reading,
        map: &MaskMap,
        lookup: impl Fn(&str) -> Vec<Spoken>,
    ) -> Arc<Lineage> {
        let analyzer = &self.shared.analyzer;
        let Some(statement) = analysis.statements.get(index) else {
            return lost("the statement can't be told from its neighbours");
        };
        let Some(name) = name(statement) else {
            let all = map.lineages(analyzer, text.as_bytes(), analysis.template(), reading);
            return match all.get(index) {
                Some(lineage) if all.len() == analysis.statements.len() => Arc::clone(lineage),
                _ => lost("the statement can't be told from its neighbours"),
            };
        };
        let plain = matches!(statement.kind, "execute" | "fetch" | "move") && statement.relations.is_empty();
        match lookup(name).as_slice() {
            [spoken] if plain => {
                let all = map.lineages(
                    analyzer,
                    spoken.text.as_bytes(),
                    spoken.analysis.template(),
                    reading,
                );
                match all.get(spoken.index) {
                    Some(lineage) if all.len() == spoken.analysis.statements.len() => Arc::clone(lineage),
                    _ => lost("the statement can't be told from its neighbours"),
                }
            }
            [] => lost("what the name stands for is not known"),
            _ => lost("what the name stands for is not certain"),
        }
    }

    /// What was given a name in SQL.
    pub(crate) fn spoken(&self, name: &str) -> Vec<Spoken> {
        self.spoken.get(name).cloned().unwrap_or_default()
    }

    /// Remembers what SQL-level names stand for. A name that is spoken of again keeps what it stood for, because the
    /// server may refuse the second.
    pub(crate) fn note_spoken(&mut self, analysis: &Arc<Analysis>, text: &str) {
        for (index, statement) in analysis.statements.iter().enumerate() {
            let (Control::Prepare { name, .. } | Control::DeclareCursor { name, .. }) = &statement.control
            else {
                continue;
            };
            let known = self.spoken.entry(name.clone()).or_default();
            if !known
                .iter()
                .any(|have| Arc::ptr_eq(&have.analysis, analysis) && have.index == index)
            {
                known.push(Spoken {
                    analysis: Arc::clone(analysis),
                    text: text.into(),
                    index,
                });
            }
        }
    }

    /// Names are gone.
    pub(crate) fn forget_spoken(&mut self) {
        self.spoken.clear();
    }
}

fn name(statement: &Statement) -> Option<&String> {
    match &statement.control {
        Control::Execute { name } | Control::Fetch { name, .. } => Some(name),
        _ => None,
    }
}
