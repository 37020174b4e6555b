//! The socket's place in the file system.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nix::fcntl::{Flock, FlockArg, OFlag};
use socket2::{Domain, SockAddr, Type};
use tokio::net::{UnixListener, UnixStream};

/// Who may connect: the owner and the group. What the group is, the settings say, or else the directory (its set-group-id bit).
const MODE: u32 = 0o660;
const DIRECTORY_MODE: u32 = 0o750;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// A bound socket. Dropping it removes its file, unless another daemon has put its own in that place.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file that is ours.
    file: (u64, u64),
}

impl Socket {
    /// Binds, making the directory if it is missing. The file of a daemon that is gone is replaced. Nobody can connect before
    /// the permissions are right. Needs a tokio runtime.
    ///
    /// `group` is whose members may connect; they get to the socket's directory as well.
    ///
    /// # Errors
    /// A daemon answers there, something else is in that place, others could replace the socket, or it can't be given to the
    /// group.
    pub(crate) fn bind(path: &Path, group: Option<&str>) -> anyhow::Result<Self> {
        bind(path, group).with_context(|| format!("the admin socket {}", path.display()))
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn bind(path: &Path, group: Option<&str>) -> anyhow::Result<Socket> {
    let group = group.map(number_of).transpose()?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !directory.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    let opened = File::options()
        .read(true)
        .custom_flags(OFlag::O_DIRECTORY.bits())
        .open(directory)
        .with_context(|| format!("opening {}", directory.display()))?;
    if opened.metadata()?.mode() & 0o002 != 0 {
        bail!(
            "everyone may write to {}: anyone could put a socket of their own in its place; choose a directory for it alone",
            directory.display()
        );
    }
    if let Some(group) = group
        && opened.metadata()?.mode() & 0o001 == 0
    {
        give(directory, group)?;
    }
    // Two daemons that start at once take turns.
    let _turn = Flock::lock(opened, FlockArg::LockExclusive)
        .map_err(|(_, error)| error)
        .with_context(|| format!("locking {}", directory.display()))?;
    check_free(path)?;

    // Made beside its place, and moved there when it is ready: an atomic replacement of a stale one.
    let aside = directory.join(format!(".interdict-{}", std::process::id()));
    let _ = fs::remove_file(&aside);
    let placed = listen(&aside, group).and_then(|listener| {
        let file = identity(&fs::symlink_metadata(&aside)?);
        fs::rename(&aside, path)?;
        Ok((listener, file))
    });
    if placed.is_err() {
        let _ = fs::remove_file(&aside);
    }
    let (listener, file) = placed?;
    Ok(Socket {
        listener,
        path: path.to_owned(),
        file,
    })
}

/// Nothing is there, or the socket of a daemon that is gone.
fn check_free(path: &Path) -> anyhow::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !found.file_type().is_socket() {
        bail!("there is something else in its place: remove it, or set `admin.socket`");
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => bail!(
            "another daemon answers there: stop it first (`interdict status` tells about it), or set `admin.socket`"
        ),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error).context("asking whether a daemon answers there"),
    }
}

/// From the host's database of groups.
fn number_of(group: &str) -> anyhow::Result<u32> {
    match nix::unistd::Group::from_name(group) {
        Ok(Some(found)) => Ok(found.gid.as_raw()),
        Ok(None) => {
            bail!("`admin.group`: this host has no group `{group}`: make it (`groupadd --system {group}`)")
        }
        Err(error) => Err(error).with_context(|| format!("`admin.group`: looking up {group}")),
    }
}

fn give(path: &Path, group: u32) -> io::Result<()> {
    if fs::metadata(path)?.gid() == group {
        return Ok(());
    }
    std::os::unix::fs::chown(path, None, Some(group)).map_err(|error| {
        let what = format!(
            "giving {} to the group {group} (`admin.group`): {error}; the daemon needs CAP_CHOWN for that, or the group among its \
             own (SupplementaryGroups= of the unit)",
            path.display()
        );
        io::Error::new(error.kind(), what)
    })
}

fn listen(path: &Path, group: Option<u32>) -> io::Result<UnixListener> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if let Some(group) = group {
        give(path, group)?;
    }
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket.into())
}
