//! What a judgement needs to see first: the catalogue, and what a result would look like.
//!
//! Where it is not at hand the client's message waits, and the engine asks the server.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use interdict_record::Micros;
use interdict_sql::{Analysis, Control, Effect, Relation};
use interdict_wire::postgres::backend::TransactionStatus;
use interdict_wire::postgres::frontend::Message;

use super::Engine;
use super::aside::Aside;
use super::judge::Judgement;
use super::pending::Pending;
use super::recording::Asked;
use crate::catalogue::MaskMap;
use crate::output::Output;

/// Whether something that a judgement needs is at hand.
pub(super) enum Sight<T> {
    Known(T),
    Wait,
    /// The transaction has failed: the server would refuse anything but its end.
    FailedTransaction,
}

/// Verdicts of more statements than this are not kept by one session.
const VERDICTS: usize = 4096;

/// Names that were looked for and are not there, kept by one session.
const ABSENT: usize = 4096;

impl Engine {
    /// Whether the message has to wait until a setting that changes the meaning of texts has been answered.
    pub(super) fn must_settle(&mut self, out: &mut Output) -> bool {
        if self.barrier && !self.pending.is_empty() {
            self.wait(out);
            return true;
        }
        self.barrier = false;
        false
    }

    /// Stops reading the client until nothing is outstanding.
    fn wait(&mut self, out: &mut Output) {
        self.paused = true;
        if self.unsynced && !self.flushed && Message::Flush.write(&mut out.to_server).is_ok() {
            self.flushed = true;
        }
    }

    /// The mask map for a statement; reads the catalogue first if it is missing, stale, or lacks a relation.
    pub(super) fn sight(
        &mut self,
        analysis: &Analysis,
        now: Micros,
        out: &mut Output,
    ) -> Sight<Option<Arc<MaskMap>>> {
        if !self.effective.masks_columns() {
            return Sight::Known(None);
        }
        let map = self.current_map();
        if let Some(map) = &map {
            let missing: Vec<String> = analysis
                .relations()
                .filter(|relation| !is_system(relation) && !map.knows(relation))
                .map(full_name)
                .filter(|name| !self.absent.contains(name))
                .collect();
            if missing.is_empty() {
                return Sight::Known(Some(Arc::clone(map)));
            }
            if self.reloaded {
                self.reloaded = false;
                if self.absent.len() >= ABSENT {
                    self.absent.clear();
                }
                self.absent.extend(missing);
                return Sight::Known(Some(Arc::clone(map)));
            }
        }
        if !self.pending.is_empty() {
            self.wait(out);
            return Sight::Wait;
        }
        if self.status == TransactionStatus::Failed {
            let ends = !analysis.statements.is_empty()
                && analysis
                    .statements
                    .iter()
                    .all(|statement| is_transaction_end(&statement.control));
            return if ends {
                Sight::Known(map)
            } else {
                Sight::FailedTransaction
            };
        }
        let version = self.schema_version.load(std::sync::atomic::Ordering::Acquire);
        match Aside::catalogue(version, !self.unsynced, &mut out.to_server) {
            Ok(aside) => {
                let asked = Asked {
                    kind: "select",
                    text: "/* interdict: catalogue */",
                    complete: true,
                    flags: &["interdict"],
                    ..Asked::default()
                };
                let judgement = Judgement::own();
                let run = self.begin(&asked, judgement, &Analysis::default(), now, out);
                self.end_run(run, "ok", None, now, out);
                self.pending.push_back(Pending::Aside(Box::new(aside)));
                self.reloaded = map.is_some();
                self.paused = true;
                Sight::Wait
            }
            Err(error) => {
                self.desynchronised("proxy", &error, out);
                Sight::Wait
            }
        }
    }

    /// Makes sure that every output column of statements within reach of masked values can be traced; asks the server
    /// what the result would look like if that is not known yet. Nothing runs before this is settled.
    pub(super) fn trace(
        &mut self,
        judgements: &mut [Judgement],
        analysis: &Analysis,
        text: &[u8],
        types: &[u32],
        now: Micros,
        out: &mut Output,
    ) -> Sight<()> {
        let _ = now;
        for (index, judgement) in judgements.iter_mut().enumerate() {
            let Some(statement) = analysis.statements.get(index) else {
                continue;
            };
            let settled = judgement.refusal.is_some()
                || judgement.mask_all
                || !judgement.carries
                || !statement.returns_rows_of_relations;
            if settled || statement.effects.contains(Effect::CopyOut) {
                continue;
            }
            let part = if analysis.statements.len() > 1 {
                text.get(statement.range.clone()).unwrap_or(text)
            } else {
                text
            };
            let key = self.verdict_key(part, types);
            match self.verdicts.get(&key) {
                Some(Ok(())) => continue,
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
            match Aside::probe(key, part, types, !self.unsynced, &mut out.to_server) {
                Ok(aside) => {
                    self.pending.push_back(Pending::Aside(Box::new(aside)));
                    self.paused = true;
                }
                Err(error) => self.desynchronised("client", &error, out),
            }
            return Sight::Wait;
        }
        Sight::Known(())
    }

    fn verdict_key(&self, text: &[u8], types: &[u32]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        text.hash(&mut hasher);
        types.hash(&mut hasher);
        hasher.finish()
    }

    /// Remembers what SQL-level names stand for. A name that is spoken of again keeps what it stood for, because the
    /// server may refuse the second.
    pub(super) fn note_spoken(&mut self, analysis: &Arc<Analysis>) {
        for statement in &analysis.statements {
            let (Control::Prepare { name, .. } | Control::DeclareCursor { name, .. }) = &statement.control
            else {
                continue;
            };
            let known = self.spoken.entry(name.clone()).or_default();
            if !known.iter().any(|have| Arc::ptr_eq(have, analysis)) {
                known.push(Arc::clone(analysis));
            }
        }
    }
}

fn full_name(relation: &Relation) -> String {
    match &relation.schema {
        Some(schema) => format!("{schema}.{}", relation.name),
        None => relation.name.clone(),
    }
}

/// Relations that PostgreSQL brings are not in the catalogue that is read.
fn is_system(relation: &Relation) -> bool {
    match relation.schema.as_deref() {
        Some(schema) => matches!(schema, "pg_catalog" | "information_schema" | "pg_toast"),
        None => relation.name.starts_with("pg_"),
    }
}

fn is_transaction_end(control: &Control) -> bool {
    matches!(
        control,
        Control::Commit { .. }
            | Control::Rollback { .. }
            | Control::RollbackTo { .. }
            | Control::PrepareTransaction
    )
}
