//! The checkpoint: the fold as of the last publishing and the last seal's number, so that the journal before it can go.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::AuditError;
use crate::fold::Fold;
use crate::journal::file::sync_directory;
use crate::seal::sealer::SealAt;

/// What is written down.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Checkpoint<F = Fold> {
    #[serde(flatten)]
    pub(crate) fold: F,
    /// The last seal.
    #[serde(default)]
    pub(crate) seal: Option<SealAt>,
}

pub(crate) fn path(journal: &Path) -> PathBuf {
    journal.join("checkpoint.json")
}

/// Writes it: a line with the SHA-256 of the rest, then JSON. The old one stands until the new one is whole.
pub(crate) fn write(journal: &Path, fold: &Fold, seal: Option<SealAt>) -> Result<(), AuditError> {
    let path = path(journal);
    let new = path.with_extension("json.new");
    let json = serde_json::to_vec(&Checkpoint { fold, seal })
        .map_err(|error| AuditError::Serialise(error.to_string()))?;
    let mut file = File::create(&new).map_err(AuditError::io("create", &new))?;
    file.write_all(format!("{}\n", hex::encode(Sha256::digest(&json))).as_bytes())
        .and_then(|()| file.write_all(&json))
        .and_then(|()| file.sync_all())
        .map_err(AuditError::io("write", &new))?;
    std::fs::rename(&new, &path).map_err(AuditError::io("rename", &new))?;
    sync_directory(journal)
}

/// Reads it; `None` if there is none yet.
pub(crate) fn read(journal: &Path) -> Result<Option<Checkpoint>, AuditError> {
    let path = path(journal);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AuditError::io("read", &path)(error)),
    };
    let parts = text.split_at_checked(65).filter(|(line, json)| {
        line.strip_suffix(b"\n")
            .is_some_and(|digest| digest == hex::encode(Sha256::digest(json)).as_bytes())
    });
    let Some((_, json)) = parts else {
        return Err(AuditError::damaged(
            &path,
            "its content does not match its checksum",
        ));
    };
    serde_json::from_slice(json).map(Some).map_err(|error| {
        AuditError::damaged(
            &path,
            format!("it does not read as a checkpoint (line {})", error.line()),
        )
    })
}
