//! Whether maps are what this build expects: aya opens a pin of the right name whatever is behind it.

use std::path::Path;

use aya::maps::{MapInfo, MapType};
use interdict_abi::{MAPS, MapKind, MapSpec};

use crate::KernelError;

/// Compares every map that is already pinned in `directory`.
pub(crate) fn check_pinned(directory: &Path) -> Result<(), KernelError> {
    for spec in &MAPS {
        let path = directory.join(spec.name);
        if path.exists() {
            let info = MapInfo::from_pin(&path).map_err(KernelError::read(spec.name))?;
            check(spec, &info, &path)?;
        }
    }
    Ok(())
}

fn check(spec: &MapSpec, info: &MapInfo, path: &Path) -> Result<(), KernelError> {
    let found = (info.key_size(), info.value_size(), info.max_entries());
    let same_kind = info.map_type().is_ok_and(|found| found == kind(spec.kind));
    if same_kind && found == (spec.key, spec.value, spec.entries) {
        Ok(())
    } else {
        Err(KernelError::MapLayout {
            path: path.to_owned(),
            found,
            wanted: *spec,
        })
    }
}

fn kind(kind: MapKind) -> MapType {
    match kind {
        MapKind::Array => MapType::Array,
        MapKind::PerCpuArray => MapType::PerCpuArray,
        MapKind::Hash => MapType::Hash,
        MapKind::PerCpuHash => MapType::PerCpuHash,
        MapKind::LruHash => MapType::LruHash,
        MapKind::LpmTrie => MapType::LpmTrie,
        MapKind::RingBuf => MapType::RingBuf,
    }
}
