//! XML and HTML: text between markup.
//!
//! Not parsed but told apart byte by byte: what is neither a bracket, a quote nor the like can be replaced, so that nothing is
//! left out because somebody's markup is not what it should be. Selectors name nothing here.

use bytes::{BufMut as _, BytesMut};

use super::{BodyError, Limits, Scope, Tally};
use crate::{Detection, detect::Hits, plain::REDACTED};
use lexer::{Class, Piece, State};

mod lexer;

/// As much of what went on stays as context.
const CONTEXT: usize = 256;

#[derive(Debug)]
pub(super) struct Reader {
    held: Vec<u8>,
    /// Where in the markup what is held begins.
    state: State,
    size: usize,
    /// What stood before, with its markup and without.
    context: [Vec<u8>; 2],
    /// The first bytes: what is UTF-16 says so there.
    first: Vec<u8>,
}

/// A part of what is held that goes out as something else.
struct Change {
    start: usize,
    end: usize,
    shown: BytesMut,
    /// Of what finds: none for parts of a find after its first.
    name: Option<String>,
}

/// A text with where its bytes come from.
struct View {
    text: Vec<u8>,
    context: usize,
    /// Where in the text each piece begins, in order.
    places: Vec<(usize, Piece)>,
}

impl Reader {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            held: Vec::new(),
            state: State::Text,
            size: limits.window.max(1 << 10),
            context: [Vec::new(), Vec::new()],
            first: Vec::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn push(
        &mut self,
        scope: &mut Scope<'_>,
        mut input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        // What a selector might name is not known here: without detectors, nothing is done.
        if !scope.plan.everything() && scope.plan.detection().is_none() {
            out.put_slice(input);
            return Ok(());
        }
        let missing = 2_usize.saturating_sub(self.first.len());
        self.first.extend(input.iter().take(missing));
        if matches!(*self.first, [0xff, 0xfe] | [0xfe, 0xff] | [0, _] | [_, 0]) {
            return Err(BodyError::Charset);
        }
        while !input.is_empty() {
            let room = self.size.saturating_sub(self.held.len());
            let (part, rest) = input.split_at_checked(room).unwrap_or((input, &[]));
            self.held.extend_from_slice(part);
            input = rest;
            if self.held.len() >= self.size {
                self.slide(scope, false, out)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.slide(scope, true, out)
    }

    fn slide(&mut self, scope: &mut Scope<'_>, is_last: bool, out: &mut BytesMut) -> Result<(), BodyError> {
        scope.tally.values += 1;
        let pieces = lexer::pieces(self.state, &self.held);
        let overlap = if is_last { 0 } else { (self.size / 4).min(4 << 10) };
        let mut cut = self.held.len() - overlap;
        let [with_markup, without] = &self.context;
        let views = [
            View::of(with_markup, &self.held, &pieces, true),
            View::of(without, &self.held, &pieces, false),
        ];
        let mut changes = Vec::new();
        if scope.plan.everything() {
            changes = everything(&self.held, &pieces);
        } else if let Some(detection) = scope.plan.detection() {
            let hits = views.each_ref().map(|view| detection.find(&view.text));
            for (view, hits) in views.iter().zip(&hits) {
                view.changes(detection, hits, &mut changes);
            }
            changes.sort_by_key(|change| change.start);
            if !is_last {
                // What begins before and ends after goes with the next window, in either view.
                for _ in 0..2 {
                    for (view, hits) in views.iter().zip(&hits) {
                        cut = view.before_hits(hits, cut);
                    }
                }
            }
        }
        // Nor is an escape or a bracket cut.
        if let Some(piece) = pieces
            .iter()
            .find(|piece| !piece.is_run() && piece.start < cut && piece.end > cut)
        {
            cut = piece.start;
        }
        // What comes after a bracket names an element only together with it.
        if !is_last
            && let Some(piece) = pieces.iter().find(|piece| piece.end == cut)
            && matches!(self.held.get(piece.start..piece.end), Some(b"<" | b"</"))
        {
            cut = piece.start;
        }
        if cut == 0 {
            return Err(BodyError::TooBig {
                what: "markup or an identifier",
                limit: self.size,
            });
        }
        self.write(scope.tally, &changes, cut, out);
        let state = pieces
            .iter()
            .find(|piece| piece.end > cut)
            .map_or(State::Text, |piece| piece.state);
        self.context = views.map(|view| {
            let end = view.text_at(cut);
            let from = end.saturating_sub(CONTEXT);
            view.text.get(from..end).unwrap_or_default().to_vec()
        });
        self.state = state;
        self.held.drain(..cut);
        Ok(())
    }

    fn write(&self, tally: &mut Tally, changes: &[Change], cut: usize, out: &mut BytesMut) {
        let mut rest = 0;
        for change in changes.iter().filter(|change| change.start < cut) {
            // Already gone with what another detector found.
            if change.end <= rest {
                continue;
            }
            out.put_slice(self.held.get(rest..change.start).unwrap_or_default());
            if change.start >= rest {
                out.put_slice(&change.shown);
            }
            match change.name.as_deref() {
                Some(Tally::EVERYTHING) => tally.mask(Tally::EVERYTHING),
                Some(name) => tally.detect(name),
                None => {}
            }
            rest = change.end;
        }
        out.put_slice(self.held.get(rest..cut).unwrap_or_default());
    }
}

impl View {
    /// With its markup; or what a reader sees of an element's text, for an identifier of which a part is in bold.
    fn of(context: &[u8], held: &[u8], pieces: &[Piece], has_markup: bool) -> Self {
        let mut view = Self {
            text: context.to_vec(),
            context: context.len(),
            places: Vec::new(),
        };
        let mut before: &[u8] = &[];
        for piece in pieces {
            let raw = held.get(piece.start..piece.end).unwrap_or_default();
            let is_element = matches!(std::mem::replace(&mut before, raw), b"<" | b"</");
            if !has_markup && (piece.state != State::Text || piece.class == Class::Markup) {
                if is_element && !is_inline(raw) {
                    view.text.push(b'\n');
                }
                continue;
            }
            view.places.push((view.text.len(), *piece));
            match lexer::entity(raw).filter(|_| piece.class == Class::Entity) {
                Some(character) => {
                    let mut utf8 = [0; 4];
                    view.text
                        .extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                }
                None => view.text.extend_from_slice(raw),
            }
        }
        view
    }

    /// The parts of what is held that a range of the text is made of, and that can be replaced.
    fn parts(&self, start: usize, end: usize) -> impl Iterator<Item = (usize, usize, Class)> {
        let first = self
            .places
            .partition_point(|(at, _)| *at <= start)
            .saturating_sub(1);
        let places = self.places.get(first..).unwrap_or_default();
        places
            .iter()
            .take_while(move |(at, _)| *at < end)
            .filter(|(_, piece)| piece.class != Class::Markup)
            .filter_map(move |(at, piece)| {
                if piece.class == Class::Entity {
                    return Some((piece.start, piece.end, piece.class));
                }
                let from = piece.start + start.saturating_sub(*at);
                let to = piece.end.min(piece.start + (end - at));
                (from < to).then_some((from, to, piece.class))
            })
    }

    fn changes(&self, detection: &Detection, hits: &Hits, changes: &mut Vec<Change>) {
        for hit in hits.iter().filter(|hit| hit.range.end > self.context) {
            let start = hit.range.start.max(self.context);
            let found = self.text.get(start..hit.range.end).unwrap_or_default();
            for (number, (from, to, class)) in self.parts(start, hit.range.end).enumerate() {
                let mut shown = BytesMut::new();
                if number == 0 {
                    let mut plain = BytesMut::new();
                    detection.replace(hit, found, &mut plain);
                    put(&plain, class, &mut shown);
                }
                changes.push(Change {
                    start: from,
                    end: to,
                    shown,
                    name: (number == 0).then(|| detection.name(hit).to_owned()),
                });
            }
        }
    }

    /// Where to cut what is held, so that no hit is cut.
    fn before_hits(&self, hits: &Hits, mut cut: usize) -> usize {
        for hit in hits.iter().rev() {
            let mut parts = self.parts(hit.range.start.max(self.context), hit.range.end);
            let Some((from, to, _)) = parts.next() else {
                continue;
            };
            let to = parts.last().map_or(to, |(_, to, _)| to);
            if from < cut && to > cut {
                cut = from;
            }
        }
        cut
    }

    /// Where in the text that place of what is held is.
    fn text_at(&self, cut: usize) -> usize {
        let next = self.places.partition_point(|(_, piece)| piece.start < cut);
        let Some((at, piece)) = next.checked_sub(1).and_then(|last| self.places.get(last)) else {
            return self.context;
        };
        if piece.class == Class::Entity || piece.end <= cut {
            self.places.get(next).map_or(self.text.len(), |(at, _)| *at)
        } else {
            at + cut - piece.start
        }
    }
}

/// Whether an element of that name does not part what it stands between.
fn is_inline(name: &[u8]) -> bool {
    const INLINE: [&str; 18] = [
        "a", "abbr", "b", "bdi", "bdo", "code", "em", "font", "i", "mark", "s", "small", "span", "strong",
        "sub", "sup", "u", "wbr",
    ];
    INLINE
        .iter()
        .any(|inline| name.eq_ignore_ascii_case(inline.as_bytes()))
}

/// Everything that is no name or markup.
fn everything(held: &[u8], pieces: &[Piece]) -> Vec<Change> {
    let is_value = |piece: &&Piece| !matches!(piece.class, Class::Markup | Class::Name);
    let mut changes: Vec<Change> = Vec::new();
    for piece in pieces.iter().filter(is_value) {
        let raw = held.get(piece.start..piece.end).unwrap_or_default();
        let text = raw.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let start = piece.start + (raw.len() - raw.trim_ascii_start().len());
        let follows = changes.last().is_some_and(|last| last.end == start);
        let mut shown = BytesMut::new();
        if !follows {
            put(REDACTED, piece.class, &mut shown);
        }
        changes.push(Change {
            start,
            end: start + text.len(),
            shown,
            name: (!follows).then(|| Tally::EVERYTHING.to_owned()),
        });
    }
    changes
}

/// Appends a text so that it is text there.
fn put(text: &[u8], class: Class, out: &mut BytesMut) {
    match class {
        // Brackets and blanks would be other markup.
        Class::Name | Class::Bare => out.put_slice(b"redacted"),
        // What ends those is no text of theirs.
        Class::Raw => out.extend(text.iter().map(|c| {
            if matches!(c, b'<' | b'>' | b'-' | b'"' | b'\'' | b'\\') {
                b'_'
            } else {
                *c
            }
        })),
        _ => {
            for byte in text {
                match byte {
                    b'<' => out.put_slice(b"&lt;"),
                    b'>' => out.put_slice(b"&gt;"),
                    b'&' => out.put_slice(b"&amp;"),
                    b'"' => out.put_slice(b"&quot;"),
                    b'\'' => out.put_slice(b"&#39;"),
                    0..0x20 if !matches!(byte, b'\t' | b'\n' | b'\r') => out.put_u8(b'?'),
                    _ => out.put_u8(*byte),
                }
            }
        }
    }
}
