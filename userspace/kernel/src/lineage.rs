//! Where scoped processes come from, as the kernel's programs noted it, also of processes that have ended.

use aya::maps::{HashMap, Map, MapData};
use interdict_abi::{Hook, Lineage, LineageKey, name};

use crate::{HardeningState, Kernel, KernelError};

/// The table of processes. Reading it takes no lock.
pub struct Lineages(HashMap<MapData, LineageKey, Lineage>);

/// What was noted of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    /// The process that forked it: its number, and its start in ticks since boot. `None`: the first of all.
    pub parent: Option<(u32, u64)>,
    /// The file that it executed, as it was named; `None`: it goes on with what its parent ran.
    pub path: Option<String>,
    /// Its name for itself when it was noted.
    pub comm: String,
}

impl Kernel {
    /// The table, and whether it is written to: the hooks that do it are optional.
    ///
    /// # Errors
    /// It could not be opened.
    pub fn lineages(&self) -> Result<(Lineages, bool), KernelError> {
        let map = MapData::from_pin(self.pins().maps.join(name::LINEAGE))
            .map_err(KernelError::read(name::LINEAGE))?;
        let map = HashMap::try_from(Map::LruHashMap(map)).map_err(KernelError::read(name::LINEAGE))?;
        let written = [Hook::ProcessFork, Hook::ProcessExec].iter().all(|hook| {
            self.hardening()
                .iter()
                .any(|one| one.hook == *hook && one.state == HardeningState::Active)
        });
        Ok((Lineages(map), written))
    }
}

impl Lineages {
    /// What was noted of a process, by its number and its start in ticks since boot.
    #[must_use]
    pub fn of(&self, tgid: u32, start_ticks: u64) -> Option<Ancestor> {
        let key = LineageKey {
            start_ticks,
            tgid,
            reserved: 0,
        };
        let found = self.0.get(&key, 0).ok()?;
        let path = text(&found.path);
        Some(Ancestor {
            parent: (found.parent.tgid != 0).then_some((found.parent.tgid, found.parent.start_ticks)),
            path: (!path.is_empty()).then_some(path),
            comm: text(&found.comm),
        })
    }
}

impl std::fmt::Debug for Lineages {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Lineages")
    }
}

/// Up to the first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
