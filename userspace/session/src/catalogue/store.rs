//! Catalogues shared between sessions, and each as every policy in force sees it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use interdict_policy::Effective;
use interdict_record::Micros;
use interdict_sql::Analyzer;

use super::{Catalogue, MaskMap};

/// Which database of which service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The service's name.
    pub service: String,
    /// Its address.
    pub upstream: String,
    /// The database, or the one in use where a catalogue is of a whole server.
    pub database: String,
    /// The database user, where a catalogue shows each what he has a right to.
    pub reader: String,
}

/// The newest catalogue of each database.
///
/// The lock is taken when a session starts, when DDL is seen and when a policy changes, never for a statement.
#[derive(Debug, Default)]
pub struct Catalogues {
    entries: Mutex<HashMap<Key, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Grows with every change that was seen; a catalogue read before it is stale.
    version: Arc<AtomicU64>,
    /// When the catalogue was last found to be as the database has it.
    checked: Arc<AtomicI64>,
    catalogue: Option<(u64, Arc<Catalogue>)>,
    /// Views of `catalogue` by policy; few policies are in force at a time.
    maps: Vec<(Effective, Arc<MaskMap>)>,
}

/// How many policies' views of one catalogue are kept.
const MAPS: usize = 16;

impl Catalogues {
    fn with<R>(&self, key: &Key, f: impl FnOnce(&mut Entry) -> R) -> R {
        // A poisoned lock means that a thread panicked between two plain stores; the data is still whole.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        f(entries.entry(key.clone()).or_default())
    }

    /// The schema's version, for sessions to look at without the lock: a catalogue read from now on has it.
    pub fn version(&self, key: &Key) -> Arc<AtomicU64> {
        self.with(key, |entry| Arc::clone(&entry.version))
    }

    /// When the catalogue was last found to be as the database has it, for sessions to look at and set without the lock.
    pub fn checked(&self, key: &Key) -> Arc<AtomicI64> {
        self.with(key, |entry| Arc::clone(&entry.checked))
    }

    /// A change of the schema was seen: catalogues read so far are stale.
    pub fn invalidate(&self, key: &Key) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(key.clone()).or_default();
        // Where one server's catalogue is seen by each user in his way, all of them have seen the change.
        let same = |other: &Key| {
            other == key
                || (!key.reader.is_empty() && other.service == key.service && other.upstream == key.upstream)
        };
        for (_, entry) in entries.iter_mut().filter(|(other, _)| same(other)) {
            entry.version.fetch_add(1, Ordering::AcqRel);
            entry.maps.clear();
        }
    }

    /// Puts in a catalogue whose reading began at `version` and was over at `now`.
    pub fn publish(&self, key: &Key, version: u64, catalogue: Arc<Catalogue>, now: Micros) {
        self.with(key, |entry| {
            if entry.catalogue.as_ref().is_none_or(|(have, _)| *have <= version) {
                entry.checked.store(now, Ordering::Release);
                entry.catalogue = Some((version, catalogue));
                entry.maps.clear();
            }
        });
    }

    /// The current catalogue through a policy, and its version; `None` if there is none or it is stale.
    pub fn map(&self, key: &Key, effective: &Effective, analyzer: &Analyzer) -> Option<(u64, Arc<MaskMap>)> {
        let (version, catalogue) = self.with(key, |entry| {
            let (have, catalogue) = entry.catalogue.as_ref()?;
            if *have != entry.version.load(Ordering::Acquire) {
                return None;
            }
            let found = entry.maps.iter().find(|(known, _)| known.same(effective));
            Some((
                *have,
                found.map_or_else(|| Err(Arc::clone(catalogue)), |(_, map)| Ok(Arc::clone(map))),
            ))
        })?;
        let catalogue = match catalogue {
            Ok(map) => return Some((version, map)),
            Err(catalogue) => catalogue,
        };
        // Built outside the lock: a large catalogue takes milliseconds.
        let map = Arc::new(MaskMap::new(&catalogue, effective, &key.database, analyzer));
        self.with(key, |entry| {
            if entry.version.load(Ordering::Acquire) == version {
                entry.maps.truncate(MAPS - 1);
                entry.maps.insert(0, (effective.clone(), Arc::clone(&map)));
            }
        });
        Some((version, map))
    }
}
