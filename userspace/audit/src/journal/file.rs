//! The file that is being written.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, IoSlice, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{FILE_HEADER, file_header, path};
use crate::AuditError;

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), AuditError> {
    // The parent of a relative path of one component is empty, and means the working directory.
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(AuditError::io("make durable", directory))
}

/// How much room is made at once. Zeros are written there, and made durable together with the entries at hand: to make what is
/// written over them durable later takes the disk one write, and no change of the file's length or extents.
const ROOM: u64 = 256 << 10;
/// Longest piece that room is made for. What is longer is the disk's work by itself.
const SHORT: usize = 64 << 10;
static ZEROS: [u8; ROOM as usize] = [0; ROOM as usize];

/// The journal file at the end, open for writing.
#[derive(Debug)]
pub(crate) struct Active {
    file: File,
    path: PathBuf,
    /// Its first sequence.
    pub(crate) first: u64,
    /// Bytes written and acknowledged or about to be.
    pub(crate) written: u64,
    /// Bytes known to be on disk.
    pub(crate) durable: u64,
    /// The file's length: zeros follow what is written.
    length: u64,
    /// Where the file's own cursor is; `None`: nobody knows.
    cursor: Option<u64>,
}

impl Active {
    /// Makes the file whose first entry is `first`, with these frames in it, all durable. It appears under its name at
    /// once and whole. Fails unless there are `room` bytes free beyond it.
    pub(crate) fn create(
        directory: &Path,
        first: u64,
        frames: &[u8],
        room: usize,
    ) -> Result<Self, AuditError> {
        let name = path(directory, first);
        let new = name.with_extension("journal.new");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(AuditError::io("create", &new))?;
        file.write_all_at(&file_header(first), 0)
            .and_then(|()| file.write_all_at(frames, FILE_HEADER as u64))
            .map_err(AuditError::io("write", &new))?;
        let written = (FILE_HEADER as u64).saturating_add(frames.len() as u64);
        if room > 0 {
            // Written, not only reserved: not every file system has to keep a reservation.
            file.write_all_at(&vec![0; room], written)
                .and_then(|()| file.sync_all())
                .and_then(|()| file.set_len(written))
                .map_err(AuditError::io("write", &new))?;
        }
        file.sync_all().map_err(AuditError::io("make durable", &new))?;
        std::fs::rename(&new, &name).map_err(AuditError::io("rename", &new))?;
        sync_directory(directory)?;
        Ok(Self {
            file,
            path: name,
            first,
            written,
            durable: written,
            length: written,
            cursor: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes frames at the end, `bytes` in all. After an error nothing of it counts as written; see [`Self::cut`].
    pub(crate) fn write<'f>(
        &mut self,
        bytes: usize,
        frames: impl Iterator<Item = &'f [u8]>,
    ) -> Result<(), AuditError> {
        self.make_room(bytes);
        let mut slices: Vec<_> = frames.map(IoSlice::new).collect();
        self.put(&mut slices)
            .map_err(AuditError::io("write", &self.path))?;
        self.written = self.written.saturating_add(bytes as u64);
        self.length = self.length.max(self.written);
        Ok(())
    }

    fn put(&mut self, mut slices: &mut [IoSlice<'_>]) -> std::io::Result<()> {
        let mut place = match self.cursor.take() {
            Some(place) if place == self.written => place,
            _ => self.file.seek(SeekFrom::Start(self.written))?,
        };
        while slices.iter().any(|slice| !slice.is_empty()) {
            match self.file.write_vectored(slices) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    place = place.saturating_add(written as u64);
                    IoSlice::advance_slices(&mut slices, written);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.cursor = Some(place);
        Ok(())
    }

    /// Sees to it that so many bytes are written over zeros.
    fn make_room(&mut self, bytes: usize) {
        let until = self.written.saturating_add(bytes as u64);
        if bytes > SHORT || until <= self.length {
            return;
        }
        // Without it the journal is slower and nothing else: whether the entries themselves fit is seen when they are written.
        if self.file.write_all_at(&ZEROS, self.length).is_ok() {
            self.length = self.length.saturating_add(ROOM);
        } else {
            let _ = self.file.set_len(self.length);
        }
    }

    /// Lets go of the room behind what is written: nothing more will be.
    pub(crate) fn finish(&mut self) {
        // Zeros that stay are no harm: readers know them.
        if self.length > self.written && self.file.set_len(self.written).is_ok() {
            self.length = self.written;
        }
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), AuditError> {
        self.file
            .sync_data()
            .map_err(AuditError::io("make durable", &self.path))?;
        self.durable = self.written;
        Ok(())
    }

    /// Takes back what lies behind `length`.
    pub(crate) fn cut(&mut self, length: u64) -> Result<(), AuditError> {
        self.file
            .set_len(length)
            .and_then(|()| self.file.sync_all())
            .map_err(AuditError::io("truncate", &self.path))?;
        self.written = length;
        self.length = length;
        self.durable = self.durable.min(length);
        Ok(())
    }
}
