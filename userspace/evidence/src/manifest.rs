//! What is in the package, by digest.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::EvidenceError;

/// The package's table of contents. Its signature, if there is one, is over the file's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `interdict-evidence-1`.
    pub format: String,
    /// When and by whom it was made.
    pub made_at: String,
    /// The person at the command.
    pub made_by: String,
    /// The host that it was made on.
    pub host: String,
    /// The version that made it.
    pub version: String,
    /// The period's first moment.
    pub from: String,
    /// The first moment after it.
    pub until: String,
    /// Whether the whole record, not only what is extracted, verified when the package was made.
    pub record_sound: bool,
    /// The first thing that was wrong with it.
    pub finding: Option<String>,
    /// Every file but this and its signature.
    pub files: Vec<Listed>,
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its path within the package.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// Lists every file below `root`, by path.
pub(crate) fn list(root: &Path) -> Result<Vec<Listed>, EvidenceError> {
    let mut files = Vec::new();
    walk(root, root, &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<Listed>) -> Result<(), EvidenceError> {
    let list = fs::read_dir(folder).map_err(EvidenceError::io("listed", folder))?;
    for entry in list {
        let path: PathBuf = entry.map_err(EvidenceError::io("listed", folder))?.path();
        if path.is_dir() {
            walk(root, &path, files)?;
            continue;
        }
        let (sha256, bytes) = digest(&path)?;
        let relative = path.strip_prefix(root).unwrap_or(&path);
        files.push(Listed {
            path: relative.display().to_string(),
            bytes,
            sha256,
        });
    }
    Ok(())
}

fn digest(path: &Path) -> Result<(String, u64), EvidenceError> {
    let mut file = fs::File::open(path).map_err(EvidenceError::io("opened", path))?;
    let (mut state, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut piece).map_err(EvidenceError::io("read", path))?;
        if read == 0 {
            return Ok((hex::encode(state.finalize()), bytes));
        }
        bytes += read as u64;
        state.update(piece.get(..read).unwrap_or_default());
    }
}
