//! The tables that say who is in scope, and what was written to them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aya::maps::{HashMap, Map, MapData, MapError};
use interdict_abi::{ExecutableKey, Scope, entries, name};

use crate::KernelError;

/// The table of enrolled cgroups, written by whoever follows the hierarchy.
pub(crate) type ScopeMap = Arc<Mutex<HashMap<MapData, u64, Scope>>>;

/// A table of one kind of key, and a copy of what it holds, so that nothing is written twice.
pub(super) struct Table<K: aya::Pod> {
    map: Arc<Mutex<HashMap<MapData, K, Scope>>>,
    written: std::collections::BTreeMap<K, Scope>,
    name: &'static str,
    limit: usize,
}

impl Table<u64> {
    /// The table of cgroups.
    pub(super) fn cgroups(map: &ScopeMap) -> Result<Self, KernelError> {
        Self::over(Arc::clone(map), name::SCOPE, entries::SCOPE)
    }
}

impl Table<u32> {
    /// The table of users; `None` where the kernel has none because this object knows none.
    pub(super) fn users(maps: &Path) -> Result<Option<Self>, KernelError> {
        Self::pinned(maps, name::USER, entries::USER)
    }
}

impl Table<ExecutableKey> {
    /// The table of executables; `None` as for users.
    pub(super) fn executables(maps: &Path) -> Result<Option<Self>, KernelError> {
        Self::pinned(maps, name::EXECUTABLE, entries::EXECUTABLE)
    }
}

impl<K: aya::Pod + Ord> Table<K> {
    fn pinned(maps: &Path, name: &'static str, limit: usize) -> Result<Option<Self>, KernelError> {
        let pin = maps.join(name);
        if !pin.exists() {
            return Ok(None);
        }
        let map = MapData::from_pin(&pin).map_err(KernelError::read(name))?;
        let map = HashMap::try_from(Map::HashMap(map)).map_err(KernelError::read(name))?;
        Self::over(Arc::new(Mutex::new(map)), name, limit).map(Some)
    }

    /// Starts from what an earlier daemon wrote.
    fn over(
        map: Arc<Mutex<HashMap<MapData, K, Scope>>>,
        name: &'static str,
        limit: usize,
    ) -> Result<Self, KernelError> {
        let written = map
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .collect::<Result<_, _>>()
            .map_err(KernelError::read(name))?;
        Ok(Self {
            map,
            written,
            name,
            limit,
        })
    }

    /// Writes an entry; `true` if that changed something.
    pub(super) fn insert(&mut self, key: K, scope: Scope) -> Result<bool, KernelError> {
        if self.written.get(&key) == Some(&scope) {
            return Ok(false);
        }
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(key, scope, 0).map_err(|error| match &error {
            MapError::SyscallError(call) if call.io_error.raw_os_error() == Some(libc::E2BIG) => {
                KernelError::TooMany {
                    name: self.name,
                    limit: self.limit,
                    wanted: self.limit.saturating_add(1),
                }
            }
            _ => KernelError::written(self.name)(error),
        })?;
        self.written.insert(key, scope);
        Ok(true)
    }

    /// Removes an entry if it is there; `true` if it was.
    pub(super) fn remove(&mut self, key: K) -> Result<bool, KernelError> {
        if self.written.remove(&key).is_none() {
            return Ok(false);
        }
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        match map.remove(&key) {
            Ok(()) => Ok(true),
            Err(MapError::SyscallError(call)) if call.io_error.raw_os_error() == Some(libc::ENOENT) => {
                Ok(true)
            }
            Err(error) => Err(KernelError::written(self.name)(error)),
        }
    }

    /// Removes what is not wanted; `true` if that was anything.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&K) -> bool) -> Result<bool, KernelError> {
        let stale: Vec<K> = self.written.keys().filter(|key| !wanted(key)).copied().collect();
        let mut changed = false;
        for key in stale {
            changed |= self.remove(key)?;
        }
        Ok(changed)
    }

    /// What the table holds.
    pub(super) fn entries(&self) -> impl Iterator<Item = (K, Scope)> + '_ {
        self.written.iter().map(|(key, scope)| (*key, *scope))
    }
}
