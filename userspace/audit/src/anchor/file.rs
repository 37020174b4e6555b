//! A directory on another machine: a mount that this host may only add to.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Anchor, AnchorError, folder};
use crate::seal::{Signed, store};

/// Puts seals under `DIRECTORY/HOST/`. A file is made where there is none and never written again, so that the other end may forbid
/// everything but that.
#[derive(Clone, Debug)]
pub struct FileAnchor {
    name: String,
    directory: PathBuf,
}

impl FileAnchor {
    /// The directory has to be there: a mount that is missing must not be taken for one.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self {
            name: format!("file:{}", directory.display()),
            directory,
        }
    }
}

impl Anchor for FileAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    fn put(&self, signed: &Signed) -> Result<String, AnchorError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |error: std::io::Error| AnchorError::Passing(format!("{path}: {error}"))
        };
        let directory = self.directory.join(folder(&signed.seal.host));
        if !directory.is_dir() {
            // Only the last part: see `new`.
            DirBuilder::new()
                .mode(0o750)
                .create(&directory)
                .map_err(failed(&directory))?;
        }
        let path = directory.join(store::name(signed.seal.number));
        let bytes = signed.to_bytes();
        let mut file = match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o440)
            .open(&path)
        {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return there(&path, &bytes),
            Err(error) => return Err(failed(&path)(error)),
        };
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| File::open(&directory)?.sync_all())
            .map_err(failed(&path))?;
        Ok(path.display().to_string())
    }
}

/// A file that is there: the same seal, the beginning of it that a crash left, or another one.
fn there(path: &Path, bytes: &[u8]) -> Result<String, AnchorError> {
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| AnchorError::Passing(format!("{shown}: {error}"));
    let found = std::fs::read(path).map_err(failed)?;
    if found == bytes {
        return Ok(shown);
    }
    let Some(rest) = bytes.strip_prefix(&*found) else {
        return Err(AnchorError::Taken(shown));
    };
    let mut file = OpenOptions::new().append(true).open(path).map_err(failed)?;
    file.write_all(rest)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok(shown)
}
