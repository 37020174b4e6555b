//! A file that is to be sent: what it is, and its parts, of which one is in memory at a time.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::PART;
use crate::error::FleetError;

#[derive(Clone, Debug)]
pub(super) struct Local {
    path: PathBuf,
    file: Arc<File>,
    pub(super) size: u64,
    /// Hexadecimal.
    pub(super) sha256: String,
}

impl Local {
    pub(super) async fn open(path: &Path) -> Result<Self, FleetError> {
        let path = path.to_owned();
        blocking(move || {
            let read = || -> io::Result<(File, u64, String)> {
                let file = File::open(&path)?;
                let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
                loop {
                    let count = (&file).read(&mut buffer)?;
                    if count == 0 {
                        return Ok((file, size, hex::encode(hash.finalize())));
                    }
                    hash.update(buffer.get(..count).unwrap_or_default());
                    size += count as u64;
                }
            };
            let (file, size, sha256) = read().map_err(FleetError::io("read", &path))?;
            Ok(Self {
                path,
                file: Arc::new(file),
                size,
                sha256,
            })
        })
        .await
    }

    pub(super) fn parts(&self) -> usize {
        usize::try_from(self.size.div_ceil(PART as u64))
            .unwrap_or(usize::MAX)
            .max(1)
    }

    pub(super) async fn part(&self, index: usize) -> Result<Bytes, FleetError> {
        let this = self.clone();
        blocking(move || {
            let start = index as u64 * PART as u64;
            let length = this.size.saturating_sub(start).min(PART as u64);
            let mut part = vec![0; usize::try_from(length).unwrap_or(PART)];
            this.file
                .read_exact_at(&mut part, start)
                .map_err(FleetError::io("read", &this.path))?;
            Ok(Bytes::from(part))
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FleetError> + Send + 'static,
) -> Result<T, FleetError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| FleetError::Away(error.to_string()))?
}
