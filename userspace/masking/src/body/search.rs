//! Detectors in text that is whole, or that goes on.

use std::ops::Range;

use bytes::{BufMut as _, BytesMut};

use super::{Limits, Tally};
use crate::{
    Detection,
    detect::Hits,
    json::{View, put_json_characters},
};

/// How a text is written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// As it is.
    Plain,
    /// Within the quotes of a JSON string.
    Json,
}

impl Writing {
    fn view(self, raw: &[u8]) -> Option<View> {
        match self {
            Self::Plain => None,
            Self::Json => memchr::memchr(b'\\', raw).map(|_| View::of(raw)),
        }
    }

    fn put(self, text: &[u8], out: &mut BytesMut) {
        match self {
            Self::Plain => out.put_slice(text),
            Self::Json => put_json_characters(text, out),
        }
    }
}

/// A text with what stands before it, which tells detectors what it is and is not itself replaced.
struct Seen<'a> {
    /// Context and text, as they read.
    text: &'a [u8],
    /// How much of it is context.
    context: usize,
    raw: &'a [u8],
    view: Option<View>,
    writing: Writing,
}

impl Seen<'_> {
    /// Where in `raw` a range of the text is written, without what of it is context.
    fn place(&self, range: &Range<usize>) -> Range<usize> {
        let range = range.start.saturating_sub(self.context)..range.end.saturating_sub(self.context);
        self.view
            .as_ref()
            .map_or_else(|| range.clone(), |view| view.place(&range))
    }

    /// Appends the raw text up to an end with these hits replaced.
    fn write(&self, detection: &Detection, hits: &Hits, end: usize, out: &mut BytesMut, tally: &mut Tally) {
        let mut rest = 0;
        let mut shown = BytesMut::new();
        for hit in hits.iter().filter(|hit| hit.range.end > self.context) {
            let place = self.place(&hit.range);
            if place.end > end {
                break;
            }
            // What began in the context can't be taken back; the rest of it goes.
            let found = hit.range.start.max(self.context)..hit.range.end;
            out.put_slice(self.raw.get(rest..place.start).unwrap_or_default());
            shown.clear();
            detection.replace(hit, self.text.get(found).unwrap_or_default(), &mut shown);
            self.writing.put(&shown, out);
            tally.detect(detection.name(hit));
            rest = place.end;
        }
        out.put_slice(self.raw.get(rest..end).unwrap_or_default());
    }
}

/// Looks into a whole text; whether anything was found, and the text with it replaced appended.
pub(super) fn whole(
    detection: &Detection,
    context: &[u8],
    raw: &[u8],
    writing: Writing,
    scratch: &mut Vec<u8>,
    out: &mut BytesMut,
    tally: &mut Tally,
) -> bool {
    let view = writing.view(raw);
    let text = view.as_ref().map_or(raw, |view| &view.text);
    if text.is_empty() {
        return false;
    }
    // Who is asked about prose gets the prose alone.
    let context = if detection.is_consulting() { &[] } else { context };
    scratch.clear();
    scratch.extend_from_slice(context);
    scratch.extend_from_slice(text);
    let hits = detection.find(scratch);
    if !hits.iter().any(|hit| hit.range.end > context.len()) {
        return false;
    }
    let seen = Seen {
        text: scratch,
        context: context.len(),
        raw,
        view,
        writing,
    };
    seen.write(detection, &hits, raw.len(), out, tally);
    true
}

/// What is found in a whole text of one piece: the first hit's mask on what was found.
pub(super) fn first_hit(
    detection: &Detection,
    context: &[u8],
    text: &[u8],
    scratch: &mut Vec<u8>,
    shown: &mut BytesMut,
    tally: &mut Tally,
) -> bool {
    scratch.clear();
    scratch.extend_from_slice(context);
    scratch.extend_from_slice(text);
    let hits = detection.find(scratch);
    let Some(hit) = hits.iter().find(|hit| hit.range.end > context.len()) else {
        return false;
    };
    let found = hit.range.start.max(context.len())..hit.range.end;
    detection.replace(hit, scratch.get(found).unwrap_or_default(), shown);
    tally.detect(detection.name(hit));
    true
}

/// As much of what went on stays as context: words that tell what a number is stand nearer.
const CONTEXT: usize = 256;

/// A find that ends so near the end of a window may go on: the last bytes may be half an escape.
const TAIL: usize = 16;

/// A text that is longer than may be held, seen through a window that moves on whenever it is full: what is found depends on
/// where in the text it stands, never on how the text was cut into pushes.
///
/// What is seen near the end of the window is decided with the next one. The built-in detectors know no identifier as long as
/// that overlap, but for URLs and e-mail addresses, which have no bounds; and a policy's own pattern may have none. A
/// find that fills the window is replaced, and the rest of its word dropped.
#[derive(Debug)]
pub(super) struct Window {
    writing: Writing,
    /// Decoded.
    context: Vec<u8>,
    /// Raw.
    held: Vec<u8>,
    size: usize,
    /// The rest of a word that is too long.
    drops_word: bool,
    scratch: Vec<u8>,
}

impl Window {
    pub(super) fn new(writing: Writing, context: &[u8], limits: &Limits) -> Self {
        Self {
            writing,
            context: context.to_vec(),
            held: Vec::new(),
            size: limits.window.max(64),
            drops_word: false,
            scratch: Vec::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn push(
        &mut self,
        detection: &Detection,
        mut input: &[u8],
        out: &mut BytesMut,
        tally: &mut Tally,
    ) {
        while !input.is_empty() {
            if self.drops_word {
                let Some(end) = input.iter().position(u8::is_ascii_whitespace) else {
                    return;
                };
                input = input.get(end..).unwrap_or_default();
                self.drops_word = false;
            }
            let room = self.size.saturating_sub(self.held.len());
            let (part, rest) = input.split_at_checked(room).unwrap_or((input, &[]));
            self.held.extend_from_slice(part);
            input = rest;
            if self.held.len() >= self.size {
                self.slide(detection, out, tally);
            }
        }
    }

    /// Appends what is held although more may come. What was shown stays as context, so that a find which goes on is seen, and the
    /// rest of it replaced.
    pub(super) fn settle(&mut self, detection: &Detection, out: &mut BytesMut, tally: &mut Tally) {
        let mut context = self.context.clone();
        context.extend_from_slice(
            self.held
                .get(self.held.len().saturating_sub(CONTEXT)..)
                .unwrap_or_default(),
        );
        let surplus = context.len().saturating_sub(CONTEXT);
        context.drain(..surplus);
        let drops_word = self.drops_word;
        self.finish(detection, out, tally);
        (self.context, self.drops_word) = (context, drops_word);
    }

    /// Appends what is held: the text ends here.
    pub(super) fn finish(&mut self, detection: &Detection, out: &mut BytesMut, tally: &mut Tally) {
        if !self.held.is_empty() {
            tally.values += 1;
            let held = std::mem::take(&mut self.held);
            let context = std::mem::take(&mut self.context);
            if !whole(
                detection,
                &context,
                &held,
                self.writing,
                &mut self.scratch,
                out,
                tally,
            ) {
                out.put_slice(&held);
            }
        }
        self.context.clear();
        self.drops_word = false;
    }

    fn slide(&mut self, detection: &Detection, out: &mut BytesMut, tally: &mut Tally) {
        tally.values += 1;
        let view = self.writing.view(&self.held);
        let decoded = view.as_ref().map_or(self.held.as_slice(), |view| &view.text);
        let context = self.context.len();
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.context);
        self.scratch.extend_from_slice(decoded);
        let seen = Seen {
            text: &self.scratch,
            context,
            raw: &self.held,
            view,
            writing: self.writing,
        };
        let hits = detection.find(seen.text);
        // Escapes make a text shorter than its window.
        let overlap = (self.size / 4)
            .min(4 << 10)
            .min(seen.text.len().saturating_sub(context) / 2);
        let mut cut = seen.text.len().saturating_sub(overlap);
        // Not within a character; what has none is cut anywhere.
        let is_within = |cut: &usize| {
            seen.text
                .get(*cut)
                .is_some_and(|c| c & 0b1100_0000 == 0b1000_0000)
        };
        if let Some(start) = (cut.saturating_sub(3).max(context + 1)..=cut)
            .rev()
            .find(|cut| !is_within(cut))
        {
            cut = start;
        }
        // What is seen twice must not be cut; what begins before and ends after goes with the next window.
        let across = hits
            .iter()
            .find(|hit| hit.range.start < cut && hit.range.end > cut);
        if let Some(across) = across {
            // Unless all that may be held is full of it.
            cut = if across.range.start > context {
                across.range.start
            } else {
                across.range.end
            };
        }
        let end = seen.place(&(cut..cut)).start;
        self.drops_word =
            across.is_some_and(|across| across.range.end == cut && cut + TAIL > seen.text.len());
        seen.write(detection, &hits, end, out, tally);
        let from = cut.saturating_sub(CONTEXT);
        self.context = self.scratch.get(from..cut).unwrap_or_default().to_vec();
        if self.drops_word {
            self.held.clear();
        } else {
            self.held.drain(..end);
        }
    }
}
