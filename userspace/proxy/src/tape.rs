//! What a client is sent, as frames for the record: before its bytes leave, they are on their way to the journal.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use interdict_record::{Frame, Micros, Record};
use interdict_session::{MASKS_LIFTED, Output};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Bytes of one frame. Larger runs are several.
const FRAME: usize = 64 << 10;

/// One session's.
#[derive(Debug)]
pub(crate) struct Tape {
    session_id: Uuid,
    /// Bytes of one statement's answer that are kept; `None`: nothing is.
    keep: Option<u64>,
    /// Frames so far; HTTP/2 has several tapes a session.
    ordinals: Arc<AtomicU64>,
    /// Statements that are not answered to their end, in the order in which they will be.
    open: VecDeque<Answered>,
    /// The last that was.
    last: Option<Answered>,
    /// Whose bytes came last, and how many of them were kept.
    current: Option<Answered>,
    kept: u64,
    missing: Option<Missing>,
    /// Credentials are not in the bytes that come next, though they were sent.
    pub(crate) hides: bool,
    /// What was sent and is no frame yet.
    opening: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answered {
    statement_id: Uuid,
    /// A grant lifts masks: what is shown is nothing to keep.
    withheld: bool,
}

/// Bytes of an answer that are not kept.
#[derive(Debug)]
struct Missing {
    since: Micros,
    length: u64,
    /// Of those that are withheld.
    digest: Option<Sha256>,
}

impl Tape {
    pub(crate) fn new(session_id: Uuid, keep: Option<u64>) -> Self {
        Self {
            session_id,
            keep,
            ordinals: Arc::default(),
            open: VecDeque::new(),
            last: None,
            current: None,
            kept: 0,
            missing: None,
            hides: false,
            opening: Vec::new(),
        }
    }

    /// Another of the same session, for answers that come side by side.
    pub(crate) fn beside(&self) -> Self {
        Self {
            ordinals: Arc::clone(&self.ordinals),
            ..Self::new(self.session_id, self.keep)
        }
    }

    /// The session goes on with this one.
    pub(crate) fn take(&mut self) -> Self {
        let next = self.beside();
        mem::replace(self, next)
    }

    /// Takes an engine's output: its records, and whose answers its bytes are. The frames follow its records.
    pub(crate) fn output(&mut self, out: &mut Output, now: Micros) {
        if self.keep.is_none() {
            return;
        }
        let mut frames = Vec::new();
        let shown = if out.shown.is_empty() {
            &out.to_client
        } else {
            &out.shown
        };
        let mut from = 0;
        // What starts with this output was not answered before it.
        let started = out
            .records
            .iter()
            .filter(|record| matches!(record, Record::StatementStarted(_)));
        self.note(started);
        for (end, statement_id) in &out.ends {
            let owner = self.owner_of(*statement_id);
            let bytes = shown.get(from..*end).unwrap_or_default();
            self.put(owner, bytes.into(), now, &mut frames);
            self.end(*statement_id);
            from = *end;
        }
        let rest = shown.get(from..).unwrap_or_default();
        self.put(self.owner(), rest.into(), now, &mut frames);
        for record in &out.records {
            if let Record::StatementEnded(ended) = record {
                self.end(ended.statement_id);
            }
        }
        out.records.append(&mut frames);
    }

    /// Takes note of statements that begin and end.
    pub(crate) fn note<'r>(&mut self, records: impl IntoIterator<Item = &'r Record>) {
        if self.keep.is_none() {
            return;
        }
        for record in records {
            match record {
                Record::StatementStarted(started) => self.open.push_back(Answered {
                    statement_id: started.statement_id,
                    withheld: started.flags.iter().any(|flag| flag == MASKS_LIFTED),
                }),
                Record::StatementEnded(ended) => self.end(ended.statement_id),
                _ => {}
            }
        }
    }

    fn end(&mut self, statement_id: Uuid) {
        let place = self
            .open
            .iter()
            .position(|open| open.statement_id == statement_id);
        if let Some(ended) = place.and_then(|place| self.open.remove(place)) {
            self.last = Some(ended);
        }
    }

    fn owner_of(&self, statement_id: Uuid) -> Option<Answered> {
        let is = |open: &&Answered| open.statement_id == statement_id;
        self.open.iter().find(is).copied().or(self.last)
    }

    /// Whose answer comes now.
    fn owner(&self) -> Option<Answered> {
        self.open.front().copied().or(self.last)
    }

    /// Takes bytes that are on their way to the client.
    pub(crate) fn bytes<'b>(
        &mut self,
        bytes: impl Into<Cow<'b, [u8]>>,
        now: Micros,
        frames: &mut Vec<Record>,
    ) {
        self.put(self.owner(), bytes.into(), now, frames);
    }

    fn put(&mut self, owner: Option<Answered>, bytes: Cow<'_, [u8]>, now: Micros, frames: &mut Vec<Record>) {
        if !self.opening.is_empty() {
            let opening = mem::take(&mut self.opening);
            self.keep_bytes(None, opening.into(), now, frames);
        }
        self.keep_bytes(owner, bytes, now, frames);
    }

    fn keep_bytes(
        &mut self,
        owner: Option<Answered>,
        mut bytes: Cow<'_, [u8]>,
        now: Micros,
        frames: &mut Vec<Record>,
    ) {
        let Some(keep) = self.keep.filter(|_| !bytes.is_empty()) else {
            return;
        };
        if owner != self.current {
            self.tell_missing(frames);
            (self.current, self.kept) = (owner, 0);
        }
        let withheld = owner.is_some_and(|owner| owner.withheld);
        while !withheld && self.missing.is_none() && !bytes.is_empty() && self.kept < keep {
            let room = usize::try_from(keep - self.kept).unwrap_or(usize::MAX).min(FRAME);
            let payload = cut(&mut bytes, room);
            self.kept += payload.len() as u64;
            let frame = self.frame(now);
            frames.push(Record::Frame(Box::new(Frame {
                length: payload.len() as u64,
                payload,
                ..frame
            })));
        }
        if bytes.is_empty() {
            return;
        }
        let missing = self.missing.get_or_insert_with(|| Missing {
            since: now,
            length: 0,
            digest: withheld.then(Sha256::new),
        });
        missing.length += bytes.len() as u64;
        if let Some(digest) = &mut missing.digest {
            digest.update(&bytes);
        }
    }

    fn frame(&self, at: Micros) -> Frame {
        let flags = if self.hides {
            vec!["credentials".to_owned()]
        } else {
            Vec::new()
        };
        Frame {
            flags,
            session_id: self.session_id,
            statement_id: self.current.map(|current| current.statement_id),
            ordinal: self.ordinals.fetch_add(1, Ordering::Relaxed) + 1,
            direction: "to_client".to_owned(),
            at,
            ..Frame::default()
        }
    }

    /// Takes bytes that are sent before there is a session to record them with: they become frames with the next records.
    pub(crate) fn said(&mut self, bytes: &[u8]) {
        if self.keep.is_some() {
            self.opening.extend_from_slice(bytes);
        }
    }

    /// What there is to tell at the end.
    pub(crate) fn finish(&mut self, now: Micros) -> Vec<Record> {
        let mut frames = Vec::new();
        self.bytes(Vec::new(), now, &mut frames);
        self.tell_missing(&mut frames);
        frames
    }

    /// Says how much of an answer was not kept. At its end, or at the session's.
    pub(crate) fn tell_missing(&mut self, frames: &mut Vec<Record>) {
        let Some(missing) = self.missing.take() else {
            return;
        };
        let frame = self.frame(missing.since);
        let flag = if missing.digest.is_some() {
            "withheld"
        } else {
            "cut"
        };
        frames.push(Record::Frame(Box::new(Frame {
            length: missing.length,
            digest: missing
                .digest
                .map(|digest| format!("sha256:{}", hex::encode(digest.finalize()))),
            flags: vec![flag.to_owned()],
            ..frame
        })));
    }
}

/// The first `most` bytes; the rest stays.
fn cut(bytes: &mut Cow<'_, [u8]>, most: usize) -> Vec<u8> {
    match bytes {
        Cow::Owned(all) => {
            let rest = all.split_off(most.min(all.len()));
            mem::replace(all, rest)
        }
        Cow::Borrowed(all) => {
            let (first, rest) = all.split_at(most.min(all.len()));
            *all = rest;
            first.to_vec()
        }
    }
}

#[cfg(test)]
mod tests;
