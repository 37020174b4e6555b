//! Files as the process sees them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use super::ProcessDirectory;

impl ProcessDirectory {
    /// Reads a small file by its path in the process's own file tree. Links lead to places in that tree, never to the
    /// daemon's; what is no ordinary file, or larger than `limit` bytes, is an error.
    ///
    /// The caller must know that the process is still the one it means, before and after.
    pub(crate) fn read_inside(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let path_only = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root =
            openat(&self.directory, "root", path_only, Mode::empty()).map_err(|errno| match errno {
                // Of a process that ended and was not waited for: it has no file tree any more.
                Errno::ENOENT => Errno::ESRCH,
                other => other,
            })?;
        // A pipe or a device must not hold the reader up, nor a terminal become the daemon's.
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let how = OpenHow::new()
            .flags(flags)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        read_file(File::from(openat2(root, path, how)?), limit)
    }

    /// Its environment as it was when the program began, and whether there was more than `limit` bytes.
    pub(crate) fn environment(&self, limit: usize) -> Result<(Vec<u8>, bool), crate::ProcessError> {
        let mut bytes = self.read("environ", "environ", (limit as u64).saturating_add(1))?;
        let truncated = bytes.len() > limit;
        bytes.truncate(limit);
        Ok((bytes, truncated))
    }
}

/// Reads an ordinary file of at most `limit` bytes.
pub(crate) fn read_file(file: File, limit: usize) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no ordinary file",
        ));
    }
    let mut bytes = Vec::new();
    file.take((limit as u64).saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {limit} bytes"),
        ));
    }
    Ok(bytes)
}
