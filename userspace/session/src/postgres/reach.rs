//! What statements reach, also by the names that the protocol gives them.

use std::sync::Arc;

use interdict_sql::{Analysis, Statement};

use super::Engine;
use crate::catalogue::MaskMap;
use crate::reading::Reading;
use crate::session::{Carrying, Judgement, Spoken};

impl Engine {
    /// Judges every statement of a text.
    pub(super) fn judge(
        &self,
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        map: Option<&MaskMap>,
    ) -> Vec<Judgement> {
        let lookup = |name: &str| self.lookup_spoken(name);
        let reading = Reading::Postgres(self.settings);
        self.session.judge(
            analysis,
            text,
            parameters,
            map,
            |statement, map| self.session.reach_by_name(statement, map, lookup),
            |index, map| self.session.lineage(analysis, index, text, &reading, map, lookup),
        )
    }

    /// What the rows of a portal could show that the client asks about; `None` if results are not looked at.
    pub(super) fn described_carrying(&self, portal: &[u8]) -> Option<Carrying> {
        if !self.session.watches_results() {
            return None;
        }
        let statement = &self.names.portal(portal)?.statement;
        let Some(first) = statement.analysis.statements.first() else {
            return Some(Carrying::default());
        };
        let lookup = |name: &str| self.lookup_spoken(name);
        let reach = |of: &Statement, map: &MaskMap| self.session.reach_by_name(of, map, lookup);
        let text = String::from_utf8_lossy(&statement.text);
        let reading = Reading::Postgres(self.settings);
        let lineage = |index: usize, map: &MaskMap| {
            self.session
                .lineage(&statement.analysis, index, &text, &reading, map, lookup)
        };
        let map = self.session.held_map();
        let carrying = map.filter(|map| reach(first, map).carries);
        Some(Carrying {
            carries: carrying.is_some(),
            mask_all: false,
            lineage: carrying.map(|map| lineage(0, &map)),
            listing: None,
            subjects: self.session.borne(first, reach, lineage),
        })
    }

    /// Everything that a name may stand for: what was prepared or declared in SQL, and by the protocol.
    fn lookup_spoken(&self, name: &str) -> Vec<Spoken> {
        let mut known = self.session.spoken(name);
        known.extend(self.names.statement(name.as_bytes()).map(|prepared| Spoken {
            analysis: Arc::clone(&prepared.analysis),
            text: String::from_utf8_lossy(&prepared.text).into(),
            index: 0,
        }));
        known
    }
}
