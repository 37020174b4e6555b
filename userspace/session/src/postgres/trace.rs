//! Making sure, before anything runs, that every output column within reach of masked values can be traced.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use interdict_sql::{Analysis, Control, Copy, CopyTarget, Effect};
use interdict_wire::postgres::backend::TransactionStatus;

use super::Engine;
use super::aside::Aside;
use super::opinion::layout;
use super::pending::Pending;
use super::result::{Copied, Plan, PlanInput};
use super::sight::Sight;
use crate::catalogue::{MaskMap, Origin};
use crate::output::Output;
use crate::session::{Bearers, Carrying, Judgement, MASKING};

/// Verdicts of more statements than this are not kept by one session.
const VERDICTS: usize = 4096;

/// What is known of a statement's result before it runs: how it will be shown, or which column can't be traced.
pub(super) type Verdict = Result<Arc<Plan>, String>;

impl Engine {
    /// Asks the server what a result would look like if that is not known yet, and refuses what can't be traced. Known: for each
    /// statement how the rows of its COPY are to be shown.
    pub(super) fn trace(
        &mut self,
        judgements: &mut [Judgement],
        analysis: &Analysis,
        text: &[u8],
        types: &[u32],
        out: &mut Output,
    ) -> Sight<Vec<Option<Arc<Plan>>>> {
        let mut copies = vec![None; judgements.len()];
        for (index, judgement) in judgements.iter_mut().enumerate() {
            let Some(statement) = analysis.statements.get(index) else {
                continue;
            };
            let copies_out = statement.effects.contains(Effect::CopyOut);
            let asked = judgement.carrying.carries || (copies_out && judgement.carrying.bears());
            if judgement.refusal.is_some() || judgement.carrying.mask_all || !asked {
                continue;
            }
            let copied_query = match &statement.control {
                Control::Copy(copy) if !copy.from && copy.target == CopyTarget::Stdout => {
                    if let Some(query) = &copy.query {
                        Some(query)
                    } else {
                        if let Some(place) = copies.get_mut(index) {
                            *place = self.copied(copy, judgement);
                        }
                        continue;
                    }
                }
                _ if statement.effects.contains(Effect::CopyOut) => continue,
                _ => None,
            };
            if copied_query.is_none() && !statement.returns_rows_of_relations {
                if let Some(why) = judgement.untraced.take() {
                    judgement.refuse_untraced(&why);
                }
                continue;
            }
            let part = match copied_query {
                Some(query) => query.as_bytes(),
                None if analysis.statements.len() > 1 => text.get(statement.range.clone()).unwrap_or(text),
                None => text,
            };
            // Of texts that differ in constants only, one does for all.
            let shared = analysis.template().filter(|_| copied_query.is_none());
            let key = self.verdict_key(shared.unwrap_or(part), types);
            match self.verdicts.get(&key) {
                Some(Ok(plan)) => {
                    if let Some(why) = judgement.untraced.take() {
                        judgement.refuse_untraced(&why);
                    } else if copied_query.is_some()
                        && let Some(place) = copies.get_mut(index)
                    {
                        *place = Some(Arc::clone(plan));
                    }
                    continue;
                }
                Some(Err(label)) => {
                    judgement.refuse_column(label);
                    continue;
                }
                None => {}
            }
            if !self.pending.is_empty() {
                self.wait(out);
                return Sight::Wait;
            }
            if self.status == TransactionStatus::Failed {
                return Sight::FailedTransaction;
            }
            if self.verdicts.len() >= VERDICTS {
                self.verdicts.clear();
            }
            let carrying = judgement.carrying.clone();
            match Aside::probe(key, part, types, carrying, !self.unsynced, &mut out.to_server) {
                Ok(aside) => {
                    self.pending.push_back(Pending::Aside(Box::new(aside)));
                    self.paused = true;
                }
                Err(error) => self.desynchronised("client", &error, out),
            }
            return Sight::Wait;
        }
        Sight::Known(copies)
    }

    /// How the rows of a COPY of a relation are to be shown.
    fn copied(&self, copy: &Copy, judgement: &mut Judgement) -> Option<Arc<Plan>> {
        let columns = self.copied_columns(copy);
        match columns.map(|columns| Plan::copied(columns, self.session.effective.detection())) {
            Some(Ok(plan)) if layout(copy).is_some() => return Some(Arc::new(plan)),
            Some(Err(untraceable)) => judgement.refuse_column(&untraceable.label),
            // Nothing is masked: it goes out as it is, and the record says that it can't be told whose data that was.
            _ if !judgement.carrying.carries => {}
            _ => judgement.refuse(
                MASKING,
                "what this COPY would send of masked columns can't be followed".to_owned(),
                "name the schema, and use a format of PostgreSQL's own without ENCODING".to_owned(),
            ),
        }
        None
    }

    /// The columns that a COPY of a relation sends, if these are certain.
    fn copied_columns(&self, copy: &Copy) -> Option<Vec<Copied>> {
        let (schema, name) = copy.relation.as_ref()?;
        let of = |map: &MaskMap| map.copied(schema.as_deref(), name, &copy.columns);
        let map = self.session.held_map();
        let bearers = self.session.bearers();
        let shown = map.as_deref().map(of);
        let borne = match &bearers {
            Bearers::Map(map) => Some(of(map)),
            Bearers::Nobody | Bearers::Lost => None,
        };
        // Both are of one catalogue: what one does not know the other does not either.
        let mut borne = borne.flatten().map(Vec::into_iter);
        let columns = match shown {
            Some(shown) => shown?,
            // Nothing is masked.
            None => {
                let columns = borne.clone()?;
                columns
                    .map(|(name, type_oid, _)| (name, type_oid, Origin::Clear))
                    .collect()
            }
        };
        let one = |(name, type_oid, shown)| Copied {
            name,
            type_oid,
            shown,
            bearing: {
                let origin = borne.as_mut().and_then(Iterator::next);
                bearers.of(|_| origin.map_or(Origin::Unknown, |(_, _, origin)| origin))
            },
        };
        Some(columns.into_iter().map(one).collect())
    }

    /// What the server's description of a result means for a statement that asked for it.
    pub(super) fn verdict(
        &self,
        description: interdict_wire::postgres::backend::RowDescription<'_>,
        carrying: &Carrying,
    ) -> Verdict {
        let map = self.session.held_map();
        let input = PlanInput {
            map: map.as_ref(),
            detection: self.session.effective.detection(),
            carrying,
            bearers: self.session.bearers(),
        };
        Plan::new(description, &input)
            .map(Arc::new)
            .map_err(|untraceable| untraceable.label)
    }

    pub(super) fn verdict_key(&self, text: &[u8], types: &[u32]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        text.hash(&mut hasher);
        types.hash(&mut hasher);
        hasher.finish()
    }
}
