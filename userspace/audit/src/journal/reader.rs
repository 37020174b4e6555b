//! Reading the journal: entry by entry, telling a torn tail from damage.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{FILE_HEADER, FRAME_HEADER, FrameHeader, MAX_BODY, file_header, list};
use crate::AuditError;

/// How far the journal is durable. A reader beside the writer stops there: what lies behind may still be taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// The last durable sequence.
    pub(crate) sequence: u64,
    /// First sequence of the file that is being written.
    pub(crate) first: u64,
    /// Durable length of that file.
    pub(crate) offset: u64,
}

/// A piece of the journal that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) path: PathBuf,
    pub(crate) offset: u64,
    /// The first sequence lost.
    pub(crate) from: u64,
    /// The first sequence that reads again: equal to `from` if only a header was damaged.
    pub(crate) until: u64,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// An entry; its bytes are [`Reader::body`].
    Entry(u64),
    Gap(Gap),
    /// The last file ends with bytes that were never acknowledged, from this offset on.
    Torn {
        path: PathBuf,
        offset: u64,
    },
    End,
}

/// Reads the files of a journal in order.
#[derive(Debug)]
pub(crate) struct Reader {
    directory: PathBuf,
    current: Option<Current>,
    /// The sequence expected next.
    pub(crate) next: u64,
    done: bool,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    first: u64,
    buffer: Vec<u8>,
    /// File offset of the buffer's first byte.
    base: u64,
    /// Position in the buffer.
    position: usize,
    body: std::ops::Range<usize>,
    /// Whether a frame was read or the place was searched for: a file may repeat the end of the one before it.
    begun: bool,
}

enum Frame {
    Good(FrameHeader),
    Bad,
    End,
}

impl Reader {
    /// Starts so that `from` will be met. Earlier entries of the same file come first.
    pub(crate) fn open(directory: &Path, from: u64) -> Result<Self, AuditError> {
        let files = list(directory).map_err(AuditError::io("list", directory))?;
        let mut reader = Self {
            directory: directory.to_owned(),
            current: None,
            next: from,
            done: false,
        };
        if let Some((first, path)) = files.into_iter().rev().find(|(first, _)| *first <= from) {
            reader.next = first;
            reader.current = Some(Current::open(path, first)?);
        }
        Ok(reader)
    }

    /// The body of the entry that [`Self::next`] just gave.
    pub(crate) fn body(&self) -> &[u8] {
        self.current
            .as_ref()
            .and_then(|current| current.buffer.get(current.body.clone()))
            .unwrap_or_default()
    }

    /// The next item. Without a limit the journal is read to its end.
    pub(crate) fn next(&mut self, limit: Option<Limit>) -> Result<Item, AuditError> {
        if self.done || limit.is_some_and(|limit| self.next > limit.sequence) {
            return Ok(Item::End);
        }
        loop {
            let Some(current) = &mut self.current else {
                match self.following(0)? {
                    Some((first, path)) => self.current = Some(Current::open(path, first)?),
                    None => return Ok(Item::End),
                }
                continue;
            };
            let end = match limit {
                Some(limit) if limit.first == current.first => limit.offset,
                _ => u64::MAX,
            };
            let frame = current.frame(end)?;
            match frame {
                Frame::Good(header) if header.sequence == self.next => {
                    current.accept(&header);
                    self.next = self.next.saturating_add(1);
                    return Ok(Item::Entry(header.sequence));
                }
                Frame::Good(header) if header.sequence < self.next && !current.begun => current.pass(&header),
                Frame::Good(header) => {
                    let (offset, path) = (current.offset(), current.path.clone());
                    let gap = Gap {
                        path,
                        offset,
                        from: self.next,
                        until: header.sequence.max(self.next),
                    };
                    if header.sequence < self.next {
                        current.pass(&header);
                    } else {
                        self.next = header.sequence;
                    }
                    return Ok(Item::Gap(gap));
                }
                Frame::End => {
                    let (first, path, offset) = (current.first, current.path.clone(), current.offset());
                    let Some((following, name)) = self.following(first)? else {
                        return Ok(Item::End);
                    };
                    self.current = Some(Current::open(name, following)?);
                    if following > self.next {
                        let gap = Gap {
                            path,
                            offset,
                            from: self.next,
                            until: following,
                        };
                        self.next = following;
                        return Ok(Item::Gap(gap));
                    }
                }
                Frame::Bad => {
                    if let Some(item) = self.resolve(end)? {
                        return Ok(item);
                    }
                }
            }
        }
    }

    /// The file after the one that starts with `first`.
    fn following(&self, first: u64) -> Result<Option<(u64, PathBuf)>, AuditError> {
        let files = list(&self.directory).map_err(AuditError::io("list", &self.directory))?;
        Ok(files.into_iter().find(|(other, _)| *other > first))
    }

    /// Says what a bad frame means, and goes to where reading can go on.
    fn resolve(&mut self, end: u64) -> Result<Option<Item>, AuditError> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        let (first, path, offset) = (current.first, current.path.clone(), current.offset());
        let until = if let Some(sequence) = current.search(self.next, end)? {
            // A frame behind the bad place was written when this sequence was already durable.
            sequence
        } else {
            // What follows here, if anything does, is of the group that never became durable.
            let Some((following, name)) = self.following(first)? else {
                self.done = true;
                return Ok(Some(Item::Torn { path, offset }));
            };
            self.current = Some(Current::open(name, following)?);
            if following <= self.next {
                return Ok(None);
            }
            following
        };
        let gap = Gap {
            path,
            offset,
            from: self.next,
            until,
        };
        self.next = until;
        Ok(Some(Item::Gap(gap)))
    }
}

impl Current {
    fn open(path: PathBuf, first: u64) -> Result<Self, AuditError> {
        let file = File::open(&path).map_err(AuditError::io("open", &path))?;
        let (buffer, body) = (Vec::new(), 0..0);
        Ok(Self {
            file,
            path,
            first,
            buffer,
            base: 0,
            position: 0,
            body,
            begun: false,
        })
    }

    fn offset(&self) -> u64 {
        self.base.saturating_add(self.position as u64)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.position..).unwrap_or_default()
    }

    /// Reads until `wanted` bytes lie ahead; false if the file, or what may be read of it, ends before.
    fn ensure(&mut self, wanted: usize, end: u64) -> Result<bool, AuditError> {
        const CHUNK: usize = 256 << 10;
        if self.rest().len() >= wanted {
            return Ok(true);
        }
        self.buffer.drain(..self.position.min(self.buffer.len()));
        self.base = self.base.saturating_add(self.position as u64);
        self.position = 0;
        while self.buffer.len() < wanted {
            let have = self.buffer.len();
            let at = self.base.saturating_add(have as u64);
            let room = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let step = wanted.saturating_sub(have).clamp(CHUNK, 16 * CHUNK).min(room);
            self.buffer.resize(have.saturating_add(step), 0);
            let got = match self.buffer.get_mut(have..) {
                Some(space) if !space.is_empty() => self
                    .file
                    .read_at(space, at)
                    .map_err(AuditError::io("read", &self.path))?,
                _ => 0,
            };
            self.buffer.truncate(have.saturating_add(got));
            if got == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn frame(&mut self, end: u64) -> Result<Frame, AuditError> {
        if self.offset() == 0 {
            if !self.ensure(FILE_HEADER, end)? || !self.rest().starts_with(&file_header(self.first)) {
                return Ok(Frame::Bad);
            }
            self.position = FILE_HEADER;
        }
        if !self.ensure(FRAME_HEADER, end)? {
            return Ok(if self.blank(end)? { Frame::End } else { Frame::Bad });
        }
        let Some(header) = FrameHeader::read(self.rest()).filter(|header| header.length <= MAX_BODY) else {
            return Ok(Frame::Bad);
        };
        // No frame's header is all zeros: the first sequence is 1.
        if header.sequence == 0 && self.blank(end)? {
            return Ok(Frame::End);
        }
        if !self.ensure(FRAME_HEADER.saturating_add(header.length), end)? {
            return Ok(Frame::Bad);
        }
        let good = self.body_of(&header).is_some_and(|body| header.matches(body));
        Ok(if good { Frame::Good(header) } else { Frame::Bad })
    }

    /// Whether nothing but zeros follows, if anything does: room that was made and is not written yet. It is let go of, so that
    /// it is read anew when something may have been.
    fn blank(&mut self, end: u64) -> Result<bool, AuditError> {
        let mut seen = 0;
        loop {
            let rest = self.rest().get(seen..).unwrap_or_default();
            if rest.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            seen = self.rest().len();
            if !self.ensure(seen.saturating_add(1), end)? {
                self.buffer.truncate(self.position);
                return Ok(true);
            }
        }
    }

    fn body_of(&self, header: &FrameHeader) -> Option<&[u8]> {
        self.rest().get(FRAME_HEADER..)?.get(..header.length)
    }

    fn accept(&mut self, header: &FrameHeader) {
        let start = self.position.saturating_add(FRAME_HEADER);
        self.pass(header);
        self.body = start..self.position;
        self.begun = true;
    }

    fn pass(&mut self, header: &FrameHeader) {
        self.position = self
            .position
            .saturating_add(FRAME_HEADER)
            .saturating_add(header.length);
    }

    /// Looks for good frames behind the present place. If one of them knows the entry `next` to have been durable, goes
    /// to the first of them and gives its sequence. Only called on damage, so it reads the rest of the file at once.
    fn search(&mut self, next: u64, end: u64) -> Result<Option<u64>, AuditError> {
        self.begun = true;
        self.ensure(usize::MAX >> 1, end)?;
        let mut found: Option<(usize, u64)> = None;
        let mut proof = false;
        let mut step = usize::from(self.offset() != 0);
        while let Some(bytes) = self.rest().get(step..) {
            let Some(header) = FrameHeader::read(bytes) else {
                break;
            };
            // The sequence is compared first: it rules out nearly every place without reading a body.
            let plausible = header.sequence >= next && header.sequence < next.saturating_add(1 << 32);
            let body = bytes
                .get(FRAME_HEADER..)
                .and_then(|rest| rest.get(..header.length));
            if plausible && header.durable < header.sequence && body.is_some_and(|body| header.matches(body))
            {
                found.get_or_insert((step, header.sequence));
                proof |= header.durable >= next || header.sequence == next;
                step = step.saturating_add(FRAME_HEADER).saturating_add(header.length);
            } else {
                step = step.saturating_add(1);
            }
            if proof {
                break;
            }
        }
        let Some((step, sequence)) = found.filter(|_| proof) else {
            return Ok(None);
        };
        self.position = self.position.saturating_add(step);
        Ok(Some(sequence))
    }
}

#[cfg(test)]
mod tests;
