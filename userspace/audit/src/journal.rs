//! The journal's files: `journal/NNNNNNNNNNNNNNNNNNNN.journal`, named by their first entry's sequence.
//!
//! A file is a header and frames. A frame carries the last sequence that was durable when it was written. That tells
//! the two kinds of bad frame apart: a group whose pages reached the disk out of order before a power cut was never
//! acknowledged and goes; a frame that a later one knows to have been durable was damaged afterwards, and is reported.
//! Zeros after the last frame are room for the next.

pub(crate) mod file;
pub(crate) mod reader;

use std::path::{Path, PathBuf};

/// What a file starts with; the digit is the version.
pub(crate) const MAGIC: &[u8; 8] = b"ICTJRNL1";
/// Magic, first sequence, CRC-32 of both.
pub(crate) const FILE_HEADER: usize = 20;
/// Body length (u32), CRC-32 of all that follows and of the length (u32), sequence (u64), durable sequence (u64); all little-endian.
pub(crate) const FRAME_HEADER: usize = 24;
/// Longest body. More than any message that a session lets through.
pub(crate) const MAX_BODY: usize = 256 << 20;

/// The directory of the journal.
pub(crate) fn directory(audit: &Path) -> PathBuf {
    audit.join("journal")
}

/// Where damaged files are kept for whoever has to explain them.
pub(crate) fn damaged_directory(audit: &Path) -> PathBuf {
    audit.join("journal").join("damaged")
}

pub(crate) fn path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.journal"))
}

/// The files of a journal directory with their first sequences, in order.
pub(crate) fn list(directory: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".journal"));
        if let Some(first) = first.and_then(|digits| digits.parse().ok()) {
            files.push((first, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

pub(crate) fn file_header(first: u64) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    let (magic, rest) = header.split_at_mut(8);
    magic.copy_from_slice(MAGIC);
    let (sequence, crc) = rest.split_at_mut(8);
    sequence.copy_from_slice(&first.to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(magic);
    sum.update(sequence);
    crc.copy_from_slice(&sum.finalize().to_le_bytes());
    header
}

/// A frame's header, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) length: usize,
    pub(crate) crc: u32,
    pub(crate) sequence: u64,
    pub(crate) durable: u64,
}

impl FrameHeader {
    /// The header of a body.
    pub(crate) fn of(body: &[u8], sequence: u64, durable: u64) -> Self {
        Self {
            length: body.len(),
            crc: Self::sum(body, sequence, durable),
            sequence,
            durable,
        }
    }

    pub(crate) fn bytes(&self) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        let (length, rest) = bytes.split_at_mut(4);
        let (crc, rest) = rest.split_at_mut(4);
        let (sequence, durable) = rest.split_at_mut(8);
        length.copy_from_slice(&Self::length(self.length).to_le_bytes());
        crc.copy_from_slice(&self.crc.to_le_bytes());
        sequence.copy_from_slice(&self.sequence.to_le_bytes());
        durable.copy_from_slice(&self.durable.to_le_bytes());
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (durable, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            length: usize::try_from(u32::from_le_bytes(*length)).ok()?,
            crc: u32::from_le_bytes(*crc),
            sequence: u64::from_le_bytes(*sequence),
            durable: u64::from_le_bytes(*durable),
        })
    }

    pub(crate) fn matches(&self, body: &[u8]) -> bool {
        body.len() == self.length && Self::sum(body, self.sequence, self.durable) == self.crc
    }

    /// The queue's limit keeps bodies below `MAX_BODY`.
    fn length(length: usize) -> u32 {
        u32::try_from(length).unwrap_or(u32::MAX)
    }

    fn sum(body: &[u8], sequence: u64, durable: u64) -> u32 {
        let mut facts = [0; 20];
        let (length, rest) = facts.split_at_mut(4);
        let (first, second) = rest.split_at_mut(8);
        length.copy_from_slice(&Self::length(body.len()).to_le_bytes());
        first.copy_from_slice(&sequence.to_le_bytes());
        second.copy_from_slice(&durable.to_le_bytes());
        let mut sum = crc32fast::Hasher::new();
        sum.update(&facts);
        sum.update(body);
        sum.finalize()
    }
}
