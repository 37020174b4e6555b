//! The catalogue as a session sees it, and when it has to be asked for anew.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ahash::RandomState;
use interdict_record::Micros;
use interdict_sql::{Analysis, Relation};

use super::judge::Judgement;
use super::{Session, Sighted};
use crate::catalogue::{Catalogue, Mark, MaskMap};

/// Microseconds for which a catalogue is taken to be what the database has. Changes made through this daemon are seen at once;
/// those made past it (a migration from another host) have to be asked for. A column that the catalogue does not know is
/// noticed whatever its age; what a view or a routine was replaced by is noticed after this time.
const CATALOGUE_AGE: u64 = 1_000_000;

/// Names of each sort that one session remembers.
const NAMES: usize = 4096;

/// A refusal that may come of an old catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    None,
    /// The server is to be asked.
    Open,
    /// It was.
    Asked,
}

/// What a judgement needs of the server first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Whether the schema is still as it was read.
    Mark,
    /// The catalogue.
    Catalogue,
}

/// A mask map; none where nothing is masked, or none was read yet.
pub(crate) type Seen = Option<Arc<MaskMap>>;

/// In what state a session asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// No transaction is open, and nothing is outstanding.
    pub(crate) between: bool,
    /// The transaction has failed: the server would not answer.
    pub(crate) failed: bool,
}

impl Session {
    /// The mask map for a statement; or what has to be asked first, with the map as it is. `None` where nothing is masked.
    pub(crate) fn sight(
        &mut self,
        analysis: &Analysis,
        standing: Standing,
        now: Micros,
    ) -> Result<Seen, (Need, Seen)> {
        let masks = self.effective.masks_columns();
        if !masks && !self.effective.names_subjects() {
            return Ok(None);
        }
        let of_masks = |map: Arc<MaskMap>| Some(map).filter(|_| masks);
        if standing.between {
            self.begin_between();
        }
        let Some(map) = self.current_map(standing) else {
            return Err((Need::Catalogue, None));
        };
        let missing = self.missing(analysis, &map);
        if missing.is_empty() {
            self.note_strange_names(analysis, &map);
            return if self.is_due(standing, now) {
                Err((Need::Mark, of_masks(map)))
            } else {
                Ok(of_masks(map))
            };
        }
        if self.reloaded {
            self.reloaded = false;
            make_room(&mut self.absent);
            self.absent.extend(missing);
            return Ok(of_masks(map));
        }
        Err((Need::Catalogue, of_masks(map)))
    }

    /// The question is on its way.
    pub(crate) fn asked(&mut self, need: Need, now: Micros) {
        self.asked_at = now;
        self.reloaded = need == Need::Catalogue && self.map.is_some();
        if self.doubt == Doubt::Open {
            self.doubt = Doubt::Asked;
        }
    }

    /// The mask map, if it is that of the schema as last seen.
    fn current_map(&mut self, standing: Standing) -> Option<Arc<MaskMap>> {
        let version = self.schema_version();
        if let Some(sighted) = &self.map
            && !(sighted.alone && standing.between)
            && sighted.version == version
            && sighted.effective.same(&self.effective)
        {
            return Some(Arc::clone(&sighted.map));
        }
        self.absent.clear();
        self.strange.clear();
        self.generation += 1;
        if self.ddl_in_transaction {
            // What others read does not have what this session did and has not committed.
            return None;
        }
        let (version, map) = self
            .shared
            .catalogues
            .map(&self.key, &self.effective, &self.shared.analyzer)?;
        self.map = Some(Sighted {
            version,
            effective: self.effective.clone(),
            map: Arc::clone(&map),
            alone: false,
        });
        Some(map)
    }

    /// Takes a catalogue that was read. `old`: what it was read by may be older than what the server follows.
    pub(crate) fn take_catalogue(&mut self, catalogue: Catalogue, version: u64, old: bool, now: Micros) {
        let catalogue = Arc::new(catalogue);
        // What is read of a session may have what only that session sees: the daemon's own login reads for all.
        if !self.ddl_in_transaction && !old && !self.has_login() {
            self.shared.catalogues.publish(&self.key, version, catalogue, now);
            self.map = None;
            return;
        }
        let map = MaskMap::new(
            &catalogue,
            &self.effective,
            &self.key.database,
            &self.shared.analyzer,
        );
        self.map = Some(Sighted {
            version,
            effective: self.effective.clone(),
            map: Arc::new(map),
            alone: true,
        });
    }

    /// Takes a mark: the catalogue is read again if somebody changed the schema past this daemon.
    pub(crate) fn take_mark(&mut self, mark: &Mark, old: bool, now: Micros) {
        self.looked_at = now;
        self.cost = now.abs_diff(self.asked_at);
        if old {
            self.snapshot = true;
            return;
        }
        let version = self.schema_version();
        // Of another version, somebody else has seen the change.
        if let Some(held) = self
            .map
            .as_ref()
            .filter(|held| held.version == version && !held.alone)
        {
            if held.map.catalogue().mark() == mark {
                self.checked_at.store(now, Ordering::Release);
            } else {
                // With a login of the daemon's own, a session is asked inside its transaction: what differs may be its own.
                self.ddl_in_transaction |= self.has_login();
                self.schema_changed();
            }
        }
    }

    /// Whether the message has to be judged again because the catalogue may be older than what was judged by it: then the
    /// next [`Self::sight`] asks.
    pub(crate) fn must_look_again(&mut self, judgements: &[Judgement]) -> bool {
        let doubtful = self.doubt == Doubt::None && judgements.iter().any(Judgement::is_doubtful);
        self.doubt = if doubtful { Doubt::Open } else { Doubt::None };
        doubtful
    }

    /// What a statement names and the catalogue lacks.
    fn missing(&self, analysis: &Analysis, map: &MaskMap) -> Vec<String> {
        let relations = analysis
            .relations()
            .filter(|relation| !self.dialect.is_system(relation) && !map.knows(relation))
            .map(full_name);
        let routines = analysis
            .statements
            .iter()
            .flat_map(|statement| self.unknown_routines(statement, map))
            .map(|routine| format!("{routine}()"));
        relations
            .chain(routines)
            .filter(|name| !self.absent.contains(name))
            .collect()
    }

    /// Has the server asked when a statement uses names that were not seen before and that no column has: one may have been
    /// added or renamed past this daemon. Aliases are among them too, so each name is asked for once.
    fn note_strange_names(&mut self, analysis: &Analysis, map: &MaskMap) {
        let dialect = self.dialect;
        let reading = analysis.statements.iter().filter(|statement| {
            statement
                .relations
                .iter()
                .any(|relation| !dialect.is_system(relation))
        });
        for name in reading.flat_map(|statement| &statement.references.columns) {
            if map.catalogue().has_column(name) || dialect.ships(name) {
                continue;
            }
            if !self.strange.contains(name) {
                make_room(&mut self.strange);
                self.strange.insert(name.clone());
                self.doubt = Doubt::Open;
            }
        }
    }

    /// Whether it is time to ask if somebody changed the schema past this daemon.
    fn is_due(&self, standing: Standing, now: Micros) -> bool {
        // Asking takes no more than a twentieth of the time.
        let age = CATALOGUE_AGE.max(self.cost.saturating_mul(20));
        let old = |at: Micros| now.abs_diff(at) > age;
        // What somebody else found does not tell what this session did in its transaction.
        let others = |at: Micros| self.asks_itself(standing) || old(at);
        !self.ddl_in_transaction
            && !standing.failed
            && (self.doubt == Doubt::Open
                || old(self.looked_at) && others(self.checked_at.load(Ordering::Acquire)))
    }
}

fn make_room(names: &mut HashSet<String, RandomState>) {
    if names.len() >= NAMES {
        names.clear();
    }
}

fn full_name(relation: &Relation) -> String {
    match &relation.schema {
        Some(schema) => format!("{schema}.{}", relation.name),
        None => relation.name.clone(),
    }
}
