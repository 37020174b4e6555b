//! What the kernel's tables say, read where they are pinned.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use aya::maps::lpm_trie::Key;
use aya::maps::{LpmTrie, Map, MapData, MapError};
use interdict_abi::{Protect, ProtectKey, Proxy, Scope, name, told};

use crate::{CgroupRoot, KernelError, pins};

/// The tables of protected destinations, enrolled cgroups and published listeners, as they are at the moment of each
/// question, whoever wrote them.
pub struct Tables {
    protect: LpmTrie<MapData, ProtectKey, Protect>,
    scope: aya::maps::HashMap<MapData, u64, Scope>,
    proxy: aya::maps::HashMap<MapData, u64, Proxy>,
    told: std::sync::Mutex<aya::maps::HashMap<MapData, u64, u64>>,
}

impl Tables {
    /// Opens what [`Kernel::attach`](crate::Kernel::attach) pinned.
    ///
    /// # Errors
    /// Nothing is pinned there, or it is not what this build pins.
    pub fn open(pin_root: &Path) -> Result<Self, KernelError> {
        let maps = pins::directory(pin_root).join("maps");
        let pinned = |name| MapData::from_pin(maps.join(name)).map_err(KernelError::read(name));
        let hash = |name| pinned(name).map(Map::HashMap);
        Ok(Self {
            protect: LpmTrie::try_from(Map::LpmTrie(pinned(name::PROTECT)?))
                .map_err(KernelError::read(name::PROTECT))?,
            scope: hash(name::SCOPE)?
                .try_into()
                .map_err(KernelError::read(name::SCOPE))?,
            proxy: hash(name::PROXY)?
                .try_into()
                .map_err(KernelError::read(name::PROXY))?,
            told: std::sync::Mutex::new(
                Map::LruHashMap(pinned(name::TOLD)?)
                    .try_into()
                    .map_err(KernelError::read(name::TOLD))?,
            ),
        })
    }

    /// The number of the service that an address belongs to; `None` if it is not protected.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn service(&self, address: SocketAddr) -> Result<Option<u32>, KernelError> {
        let key = ProtectKey::new(address.ip().into(), address.port());
        match self.protect.get(&Key::new(ProtectKey::FIXED + 128, key), 0) {
            Ok(protect) => Ok(Some(protect.service)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(KernelError::read(name::PROTECT)(error)),
        }
    }

    /// The cookies of the namespaces for which listeners are published, also by an earlier daemon.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn published(&self) -> Result<Vec<u64>, KernelError> {
        let keys = self.proxy.keys().collect::<Result<_, _>>();
        keys.map_err(KernelError::read(name::PROXY))
    }

    /// Lets the kernel tell anew when somebody in scope makes a socket in this namespace, in which there is no listener
    /// (any more).
    ///
    /// # Errors
    /// The kernel refused.
    pub fn tell_again(&self, netns_cookie: u64) -> Result<(), KernelError> {
        match crate::kernel::lock(&self.told).remove(&(told::NAMESPACE | netns_cookie)) {
            Err(error) if !is_absent(&error) => Err(KernelError::written(name::TOLD)(error)),
            _ => Ok(()),
        }
    }

    /// Every cgroup in scope (by id) with its workload: those that are enrolled, and all below them.
    pub(super) fn cgroups_in_scope(&self, root: &CgroupRoot) -> Result<HashMap<u64, u32>, KernelError> {
        let enrolled: HashMap<u64, Scope> = self
            .scope
            .iter()
            .collect::<Result<_, _>>()
            .map_err(KernelError::read(name::SCOPE))?;
        let mut all = HashMap::new();
        let mut ahead = vec![(root.path().to_owned(), None)];
        while let Some((directory, above)) = ahead.pop() {
            // A cgroup may go while it is looked at.
            let Ok(metadata) = fs::metadata(&directory) else {
                continue;
            };
            let workload = enrolled
                .get(&metadata.ino())
                .map(|scope| scope.workload)
                .or(above);
            if let Some(workload) = workload {
                all.insert(metadata.ino(), workload);
            }
            let Ok(listing) = fs::read_dir(&directory) else {
                continue;
            };
            ahead.extend(
                listing
                    .flatten()
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| (entry.path(), workload)),
            );
        }
        Ok(all)
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tables").finish_non_exhaustive()
    }
}

/// Whether a map's answer is that there is no such entry.
pub(super) fn is_absent(error: &MapError) -> bool {
    match error {
        MapError::KeyNotFound => true,
        MapError::SyscallError(call) => call.io_error.raw_os_error() == Some(libc::ENOENT),
        _ => false,
    }
}
