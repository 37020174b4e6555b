//! The seals' files: `seals/000000000001.json`, …

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Signed;
use crate::AuditError;
use crate::journal::file::sync_directory;
use crate::segment::build::make_directory;

/// Where they are.
pub(crate) fn directory(audit: &Path) -> PathBuf {
    audit.join("seals")
}

/// The name of a seal's file.
pub(crate) fn name(number: u64) -> String {
    format!("{number:012}.json")
}

/// The numbers and files of a directory of seals, in order. No directory: none.
pub(crate) fn list(seals: &Path) -> Result<Vec<(u64, PathBuf)>, AuditError> {
    let entries = match std::fs::read_dir(seals) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AuditError::io("list", seals)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(AuditError::io("list", seals))?.path();
        let number = path
            .file_name()
            .and_then(|file| file.to_str())
            .and_then(|file| file.strip_suffix(".json"))
            .filter(|digits| digits.len() >= 12 && digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok());
        if let Some(number) = number {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads one.
pub(crate) fn read(path: &Path) -> Result<Signed, AuditError> {
    let bytes = std::fs::read(path).map_err(AuditError::io("read", path))?;
    Signed::read(&bytes).map_err(|what| AuditError::damaged(path, what))
}

/// The last one.
pub(crate) fn last(audit: &Path) -> Result<Option<Signed>, AuditError> {
    match list(&directory(audit))?.last() {
        None => Ok(None),
        Some((number, path)) => {
            let signed = read(path)?;
            if signed.seal.number == *number {
                Ok(Some(signed))
            } else {
                Err(AuditError::damaged(path, "it is another seal than its name says"))
            }
        }
    }
}

/// Writes the next one. It appears under its name at once and whole; a file of that name is never replaced.
pub(crate) fn write(audit: &Path, signed: &Signed) -> Result<(), AuditError> {
    let seals = directory(audit);
    make_directory(&seals, 0o750)?;
    put_new(&seals, &name(signed.seal.number), &signed.to_bytes())
}

/// Puts a whole file where there is none, and makes it durable.
pub(crate) fn put_new(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), AuditError> {
    let path = directory.join(name);
    let new = directory.join(format!(".{name}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o640)
        .open(&new)
        .map_err(AuditError::io("create", &new))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(AuditError::io("write", &new))?;
    if path.exists() {
        return Err(AuditError::damaged(&path, "it exists already"));
    }
    std::fs::rename(&new, &path).map_err(AuditError::io("rename", &new))?;
    sync_directory(directory)
}

/// Replaces a small file as a whole.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> Result<(), AuditError> {
    let new = path.with_extension("new");
    let mut file = File::create(&new).map_err(AuditError::io("create", &new))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(AuditError::io("write", &new))?;
    std::fs::rename(&new, path).map_err(AuditError::io("rename", &new))?;
    path.parent().map_or(Ok(()), sync_directory)
}
