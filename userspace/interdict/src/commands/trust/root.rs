//! Files of this host, of an image, or of another mount namespace.
//!
//! What is below a root belongs to whoever made it: every path is walked by the kernel inside the root, so that a symbolic
//! link in a container leads nowhere but into the container.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, symlinkat, unlinkat};

/// No list of certificates is larger.
const LARGEST: u64 = 64 << 20;

/// Links to follow before a path is one without an end (as the kernel has it).
const LINKS: usize = 40;

/// A tree of files.
#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
}

/// What a directory has.
pub(super) struct Item {
    pub(super) name: OsString,
    pub(super) is_directory: bool,
    pub(super) is_file: bool,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let directory = nix::fcntl::open(
            path,
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Self { directory })
    }

    fn at(&self, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        Ok(openat2(self.directory.as_fd(), path, how)?)
    }

    /// The whole of a file.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Not to wait for the other end of a pipe that lies in the way.
        let file = File::from(self.at(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("is not a file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::other("is larger than 64 MiB"));
        }
        Ok(bytes)
    }

    pub(super) fn is_there(&self, path: &Path) -> bool {
        self.at(path, OFlag::O_PATH).is_ok()
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Item>> {
        let directory = self.at(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW)?;
        let mut items = Vec::new();
        for entry in Dir::from_fd(directory)?.iter() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                items.push(Item {
                    name: std::ffi::OsStr::from_bytes(name).to_owned(),
                    is_directory: entry.file_type() == Some(Type::Directory),
                    is_file: entry.file_type() == Some(Type::File),
                });
            }
        }
        Ok(items)
    }

    /// The path of the file itself, behind symbolic links in its last part.
    pub(super) fn behind_links(&self, path: &Path) -> io::Result<PathBuf> {
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let link = self.at(&path, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
            if kind(&fstat(&link)?) != SFlag::S_IFLNK {
                return Ok(path);
            }
            let target = PathBuf::from(readlinkat(&link, "")?);
            path = path.parent().unwrap_or(Path::new("/")).join(target);
        }
        Err(Errno::ELOOP.into())
    }

    /// Replaces a file at once and whole; what it is a link to, if it is one. Mode and owner stay. Where there is none, a file
    /// for everyone to read is made.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let path = match self.behind_links(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let (above, name) = self.parent(&path)?;
        let before = match fstatat(&above, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(about) if kind(&about) == SFlag::S_IFREG => Some(about),
            Ok(_) => return Err(io::Error::other("is not a file")),
            Err(Errno::ENOENT) => None,
            Err(error) => return Err(error.into()),
        };
        let draft = format!(".interdict-{}", uuid::Uuid::now_v7());
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(
            &above,
            draft.as_str(),
            flags,
            Mode::S_IRUSR | Mode::S_IWUSR,
        )?);
        let mut write = || -> io::Result<()> {
            file.write_all(bytes)?;
            let mode = match before {
                Some(about) => {
                    fchown(
                        &file,
                        Some(Uid::from_raw(about.st_uid)),
                        Some(Gid::from_raw(about.st_gid)),
                    )?;
                    Mode::from_bits_truncate(about.st_mode & 0o7777)
                }
                None => Mode::from_bits_truncate(0o644),
            };
            fchmod(&file, mode)?;
            file.sync_all()?;
            renameat(&above, draft.as_str(), &above, name.as_os_str())?;
            Ok(())
        };
        if let Err(error) = write() {
            let _ = unlinkat(&above, draft.as_str(), UnlinkatFlags::NoRemoveDir);
            return Err(error);
        }
        // What is open for its path alone can't be synced.
        let above = openat(&above, ".", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        File::from(above).sync_all()
    }

    /// Makes a symbolic link, unless something is there.
    pub(super) fn link(&self, path: &Path, target: &str) -> io::Result<()> {
        let (above, name) = self.parent(path)?;
        match symlinkat(target, &above, name.as_os_str()) {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What a symbolic link says.
    pub(super) fn target(&self, path: &Path) -> io::Result<OsString> {
        let link = self.at(path, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
        Ok(readlinkat(&link, "")?)
    }

    /// Removes a file or link; true if it was there.
    pub(super) fn remove(&self, path: &Path) -> io::Result<bool> {
        let removed = self
            .parent(path)
            .and_then(|(above, name)| Ok(unlinkat(&above, name.as_os_str(), UnlinkatFlags::NoRemoveDir)?));
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a directory and those above it.
    pub(super) fn make_directory(&self, path: &Path) -> io::Result<()> {
        let mut so_far = PathBuf::from("/");
        for part in path.components() {
            let Component::Normal(name) = part else { continue };
            let above = self.at(&so_far, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
            match mkdirat(&above, name, Mode::from_bits_truncate(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
            so_far.push(name);
        }
        Ok(())
    }

    fn parent(&self, path: &Path) -> io::Result<(OwnedFd, OsString)> {
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let above = path.parent().unwrap_or(Path::new("/"));
        Ok((
            self.at(above, OFlag::O_PATH | OFlag::O_DIRECTORY)?,
            name.to_owned(),
        ))
    }
}

fn kind(about: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(about.st_mode & SFlag::S_IFMT.bits())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn links_lead_nowhere_but_into_the_root() {
        let above = tempfile::tempdir().unwrap();
        let inside = above.path().join("root");
        fs::create_dir_all(inside.join("etc")).unwrap();
        fs::write(above.path().join("secret"), "the host's").unwrap();
        fs::write(inside.join("etc/real"), "the root's").unwrap();
        symlink("../../secret", inside.join("etc/up")).unwrap();
        symlink(above.path().join("secret"), inside.join("etc/absolute")).unwrap();
        symlink("/etc/real", inside.join("etc/link")).unwrap();
        symlink("loop", inside.join("etc/loop")).unwrap();
        let root = Root::open(&inside).unwrap();
        for path in ["/etc/up", "/etc/absolute", "/../secret", "/etc/loop"] {
            assert!(root.read(Path::new(path)).is_err(), "{path}");
        }
        assert_eq!(root.read(Path::new("/etc/link")).unwrap(), b"the root's");
        fs::set_permissions(inside.join("etc/real"), fs::Permissions::from_mode(0o640)).unwrap();
        root.replace(Path::new("/etc/link"), b"changed").unwrap();
        assert_eq!(fs::read(inside.join("etc/real")).unwrap(), b"changed");
        assert!(
            fs::symlink_metadata(inside.join("etc/link"))
                .unwrap()
                .is_symlink()
        );
        let mode = fs::metadata(inside.join("etc/real"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o640);
        // It makes the file that the link means, inside.
        let _ = root.replace(Path::new("/etc/up"), b"changed");
        let _ = root.replace(Path::new("/etc/absolute"), b"changed");
        assert_eq!(fs::read(above.path().join("secret")).unwrap(), b"the host's");
        let drafts = fs::read_dir(inside.join("etc")).unwrap().flatten();
        assert!(
            !drafts
                .map(|entry| entry.file_name())
                .any(|name| name.to_string_lossy().starts_with(".interdict"))
        );
    }

    #[test]
    fn directories_are_made_and_listed() {
        let above = tempfile::tempdir().unwrap();
        let root = Root::open(above.path()).unwrap();
        root.make_directory(Path::new("/usr/local/share")).unwrap();
        root.make_directory(Path::new("/usr/local/share")).unwrap();
        root.replace(Path::new("/usr/local/share/new"), b"x").unwrap();
        let items = root.list(Path::new("/usr/local/share")).unwrap();
        assert_eq!(items.len(), 1);
        assert!(
            items
                .iter()
                .all(|item| item.is_file && !item.is_directory && item.name == "new")
        );
        assert!(root.remove(Path::new("/usr/local/share/new")).unwrap());
        assert!(!root.remove(Path::new("/usr/local/share/new")).unwrap());
    }
}
