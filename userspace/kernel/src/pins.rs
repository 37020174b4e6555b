//! Where programs and maps live on while no daemon does.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use interdict_abi::{MAPS, SCHEMA};
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::{KernelError, hooks};

/// Where pins are kept unless the settings say otherwise.
pub const DEFAULT_PIN_ROOT: &str = "/sys/fs/bpf/interdict";
/// Where bpffs is by custom.
const BPFFS: &str = "/sys/fs/bpf";

/// The pin directories of this build's schema, held by this process alone.
#[derive(Debug)]
pub(crate) struct Pins {
    root: PathBuf,
    pub(crate) maps: PathBuf,
    pub(crate) links: PathBuf,
    /// Released when the process ends, however it ends.
    _lock: Flock<File>,
}

impl Pins {
    /// Makes the directories (mounting bpffs at its customary place if need be) and takes them.
    pub(crate) fn open(root: &Path) -> Result<Self, KernelError> {
        ensure_bpffs(root)?;
        let schema = directory(root);
        let maps = schema.join("maps");
        let links = schema.join("links");
        for directory in [&maps, &links] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(KernelError::io("creating", directory))?;
        }
        let file = File::open(&schema).map_err(KernelError::io("opening", &schema))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
            nix::Error::EWOULDBLOCK => KernelError::InUse { path: schema.clone() },
            other => KernelError::Io {
                what: "locking",
                path: schema.clone(),
                source: other.into(),
            },
        })?;
        Ok(Self {
            root: root.to_owned(),
            maps,
            links,
            _lock: lock,
        })
    }
}

/// The directory of this build's schema.
pub(crate) fn directory(root: &Path) -> PathBuf {
    root.join(format!("v{SCHEMA}"))
}

/// Removes the programs and then the maps, of every schema, whether or not a daemon runs. What was protected is open
/// from then on; the kernel takes the hooks away a moment after this returns. Removing what isn't there is no error.
///
/// # Errors
/// Something could not be removed.
pub fn detach(pin_root: &Path) -> Result<(), KernelError> {
    let versions = match fs::read_dir(pin_root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(KernelError::io("listing", pin_root)(error)),
    };
    for version in versions {
        let path = version.map_err(KernelError::io("listing", pin_root))?.path();
        if is_version(&path) {
            remove_version(&path)?;
        }
    }
    match fs::remove_dir(pin_root) {
        // It is a mount point where the daemon sees nothing else of the file system: what counts is that it is empty.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EBUSY | libc::EROFS | libc::EACCES)
            ) =>
        {
            Ok(())
        }
        result => result.map_err(KernelError::io("removing", pin_root)),
    }
}

/// Removes the programs and maps of every schema but this build's.
pub(crate) fn detach_others(pins: &Pins) -> Result<(), KernelError> {
    let own = directory(&pins.root);
    let versions = fs::read_dir(&pins.root).map_err(KernelError::io("listing", &pins.root))?;
    for version in versions {
        let path = version.map_err(KernelError::io("listing", &pins.root))?.path();
        if is_version(&path) && path != own {
            tracing::info!(path = %path.display(), "removing the programs of another version");
            remove_version(&path)?;
        }
    }
    Ok(())
}

fn remove_version(path: &Path) -> Result<(), KernelError> {
    // A redirected connect needs sockops after it: the hooks that redirect go first, as they came.
    for hook in hooks::ORDER {
        remove(&path.join("links").join(hook.name()))?;
    }
    for map in MAPS {
        remove(&path.join("maps").join(map.name))?;
    }
    for directory in ["links", "maps"] {
        // What another version pinned beside ours.
        empty(&path.join(directory))?;
    }
    fs::remove_dir(path).map_err(KernelError::io("removing", path))
}

fn is_version(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.strip_prefix('v')
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

fn empty(directory: &Path) -> Result<(), KernelError> {
    match fs::read_dir(directory) {
        Ok(entries) => {
            for entry in entries {
                remove(&entry.map_err(KernelError::io("listing", directory))?.path())?;
            }
            fs::remove_dir(directory).map_err(KernelError::io("removing", directory))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(KernelError::io("listing", directory)(error)),
    }
}

fn remove(path: &Path) -> Result<(), KernelError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(KernelError::io("removing", path)(error))
        }
        _ => Ok(()),
    }
}

/// Whether a path, or what exists of it, is on bpffs.
pub(crate) fn is_bpffs(path: &Path) -> bool {
    path.ancestors()
        .find(|ancestor| ancestor.exists())
        .and_then(|ancestor| statfs(ancestor).ok())
        .is_some_and(|found| found.filesystem_type() == BPF_FS_MAGIC)
}

fn ensure_bpffs(root: &Path) -> Result<(), KernelError> {
    if is_bpffs(root) {
        return Ok(());
    }
    if !root.starts_with(BPFFS) {
        return Err(KernelError::NotBpffs {
            path: root.to_owned(),
        });
    }
    tracing::info!("mounting bpffs at {BPFFS}");
    mount(
        Some("bpf"),
        BPFFS,
        Some("bpf"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        Some("mode=0700"),
    )
    .map_err(|error| match error {
        nix::Error::EPERM | nix::Error::EACCES => KernelError::NotPermitted {
            what: format!("mounting bpffs at {BPFFS}"),
            source: Some(error.into()),
        },
        other => KernelError::io("mounting bpffs at", BPFFS)(other.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detaching_nothing_is_no_error() {
        let parent = tempfile::tempdir().unwrap();
        detach(&parent.path().join("none")).unwrap();
    }

    #[test]
    fn detaching_takes_every_version_and_no_stranger() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("interdict");
        for version in ["v1", "v7"] {
            fs::create_dir_all(root.join(version).join("links")).unwrap();
            fs::create_dir_all(root.join(version).join("maps")).unwrap();
            fs::write(root.join(version).join("links/connect4"), "").unwrap();
            fs::write(root.join(version).join("maps/OTHER"), "").unwrap();
        }
        fs::create_dir(root.join("notes")).unwrap();
        assert!(
            detach(&root).is_err(),
            "a stranger's directory stays, and is told"
        );
        assert!(root.join("notes").exists() && !root.join("v1").exists() && !root.join("v7").exists());
        fs::remove_dir(root.join("notes")).unwrap();
        detach(&root).unwrap();
        assert!(!root.exists());
    }

    #[test]
    fn pins_outside_of_bpffs_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let found = Pins::open(&parent.path().join("interdict"));
        assert!(matches!(found, Err(KernelError::NotBpffs { .. })));
    }
}
