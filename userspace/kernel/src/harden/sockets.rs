//! Protected Unix sockets: what they are recognised by, kept up while services restart.

mod keys;

use std::collections::BTreeMap;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use aya::maps::{HashMap, Map, MapData, MapError};
use inotify::{Inotify, WatchMask};
use interdict_abi::{Protect, UnixKey, entries, name, protect_flag, unix_kind};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{Kernel, KernelError};

/// How often the paths are looked at without a cause: what is changed far up a path tells nobody.
const AGAIN: Duration = Duration::from_secs(2);

/// A service's Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixSocket {
    /// Its path, absolute. Neither it nor its directory need be there yet.
    pub path: PathBuf,
    /// As [`Destination::service`](crate::Destination::service).
    pub service: u32,
    /// As [`Destination::fail_open`](crate::Destination::fail_open).
    pub fail_open: bool,
}

/// The table `UNIX`, and whoever keeps it up.
#[derive(Debug)]
pub(crate) struct UnixSockets {
    table: Arc<Mutex<HashMap<MapData, UnixKey, Protect>>>,
    follower: Mutex<Option<Follower>>,
}

#[derive(Debug)]
struct Follower {
    /// Closing it ends the thread.
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Kernel {
    /// Protects exactly these Unix sockets from now on: no scoped task connects to them, by whatever name. They can't be
    /// redirected, so workloads are to use a listener's address instead.
    ///
    /// Whether the kernel can refuse this, and how well, is told by [`coverage`](crate::coverage).
    ///
    /// # Errors
    /// An impossible path or too many: nothing was changed. The kernel refused.
    pub fn protect_unix(&self, sockets: &[UnixSocket]) -> Result<(), KernelError> {
        self.unix.protect(sockets)
    }
}

impl UnixSockets {
    /// The pinned table.
    pub(crate) fn open(maps: &Path) -> Result<Self, KernelError> {
        let map = MapData::from_pin(maps.join(name::UNIX)).map_err(KernelError::read(name::UNIX))?;
        let map = HashMap::try_from(Map::HashMap(map)).map_err(KernelError::read(name::UNIX))?;
        Ok(Self {
            table: Arc::new(Mutex::new(map)),
            follower: Mutex::new(None),
        })
    }

    fn protect(&self, sockets: &[UnixSocket]) -> Result<(), KernelError> {
        for socket in sockets {
            keys::check(&socket.path)?;
        }
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        // Two at once would each undo what the other does.
        *follower = None;
        let mut seen = Seen::new();
        synchronise(&self.table, sockets, &mut seen)?;
        if !sockets.is_empty() {
            *follower = Some(Follower::start(sockets.to_vec(), seen, Arc::clone(&self.table))?);
        }
        Ok(())
    }
}

/// The inodes last seen at each path.
type Seen = BTreeMap<PathBuf, Vec<UnixKey>>;

/// Makes the table hold what the paths are now. New entries go in before old ones go out.
///
/// A socket that is no longer at its path may listen under another name, so its inode is protected until there is another
/// one at the path.
fn synchronise(
    table: &Mutex<HashMap<MapData, UnixKey, Protect>>,
    sockets: &[UnixSocket],
    seen: &mut Seen,
) -> Result<(), KernelError> {
    let mut wanted: BTreeMap<UnixKey, Protect> = BTreeMap::new();
    for socket in sockets {
        let mut keys = keys::of(&socket.path);
        let inodes: Vec<_> = keys
            .iter()
            .filter(|key| key.kind == unix_kind::INODE)
            .copied()
            .collect();
        if !inodes.is_empty() {
            seen.insert(socket.path.clone(), inodes);
        } else if let Some(last) = seen.get(&socket.path) {
            keys.extend(last);
        }
        for key in keys {
            wanted.entry(key).or_insert(Protect {
                service: socket.service,
                flags: if socket.fail_open {
                    protect_flag::FAIL_OPEN
                } else {
                    0
                },
            });
        }
    }
    if wanted.len() > entries::UNIX {
        return Err(KernelError::TooMany {
            name: name::UNIX,
            limit: entries::UNIX,
            wanted: wanted.len(),
        });
    }
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    let mut held = BTreeMap::new();
    for entry in table.iter() {
        let (key, value) = entry.map_err(KernelError::read(name::UNIX))?;
        held.insert(key, value);
    }
    for (key, value) in &wanted {
        if held.get(key) != Some(value) {
            table
                .insert(key, value, 0)
                .map_err(KernelError::written(name::UNIX))?;
        }
    }
    for key in held.keys().filter(|key| !wanted.contains_key(key)) {
        match table.remove(key) {
            Ok(()) | Err(MapError::KeyNotFound) => {}
            Err(error) => return Err(KernelError::written(name::UNIX)(error)),
        }
    }
    Ok(())
}

impl Follower {
    fn start(
        sockets: Vec<UnixSocket>,
        mut seen: Seen,
        table: Arc<Mutex<HashMap<MapData, UnixKey, Protect>>>,
    ) -> Result<Self, KernelError> {
        let failed = KernelError::io;
        let watched = Path::new("Unix sockets");
        let inotify = Inotify::init().map_err(failed("watching", watched))?;
        let (stop, wake) = std::io::pipe().map_err(failed("watching", watched))?;
        let thread = std::thread::Builder::new()
            .name("unix-sockets".to_owned())
            .spawn(move || follow(inotify, &stop, &sockets, &mut seen, &table))
            .map_err(failed("watching", watched))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
        })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

fn follow(
    mut inotify: Inotify,
    stop: &PipeReader,
    sockets: &[UnixSocket],
    seen: &mut Seen,
    table: &Mutex<HashMap<MapData, UnixKey, Protect>>,
) {
    let mut buffer = [0; 4096];
    let mut well = true;
    loop {
        for socket in sockets {
            // A directory that went meanwhile is seen to be gone at the next turn.
            if let Some(directory) = keys::nearest_directory(&socket.path) {
                let _ = inotify.watches().add(
                    directory,
                    WatchMask::CREATE
                        | WatchMask::DELETE
                        | WatchMask::MOVE
                        | WatchMask::DELETE_SELF
                        | WatchMask::MOVE_SELF
                        | WatchMask::ONLYDIR,
                );
            }
        }
        // After the watches are set, so that nothing falls between.
        match synchronise(table, sockets, seen) {
            Ok(()) => well = true,
            Err(error) => {
                if well {
                    tracing::error!(error = %error, "protected Unix sockets could not be followed; trying again");
                }
                well = false;
            }
        }
        let mut fds = [
            PollFd::new(inotify.as_fd(), PollFlags::POLLIN),
            PollFd::new(stop.as_fd(), PollFlags::POLLIN),
        ];
        let timeout = PollTimeout::try_from(AGAIN).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => {
                tracing::error!(%error, "protected Unix sockets are no longer followed: restart the daemon");
                return;
            }
        }
        let [_, stopped] = fds.map(|fd| fd.any().unwrap_or(false));
        if stopped {
            return;
        }
        // What happened is looked at whole; the events only wake.
        let _ = inotify.read_events(&mut buffer);
    }
}
