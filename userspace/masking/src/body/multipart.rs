//! `multipart/…` (RFC 2046, 5.1; RFC 7578): part by part, each by its own type.
//!
//! What stands before the first part and after the last is for nobody (RFC 2046 lets readers ignore it) and is dropped.

use bytes::{BufMut as _, BytesMut};
use smallvec::SmallVec;

use super::{
    BodyError, Kind, MediaType, Reader as Inner, Scope, Unknown, json,
    search::{self, Writing},
    selector::Number,
    text,
};
use crate::{Mask, plain};

/// Bytes. They are looked through again with each push until they are complete.
const LONGEST_HEADERS: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Reader {
    /// A line end, two dashes, the boundary.
    delimiter: Vec<u8>,
    state: State,
    /// Of the state, what is not decided on.
    held: Vec<u8>,
    /// Nothing of the part's content was looked at.
    is_fresh: bool,
    /// Bytes before what is held.
    before: u64,
    scratch: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// Before the first part.
    Preamble,
    /// After a delimiter.
    Delimited,
    Headers,
    Part(Part),
    /// After the last part.
    Epilogue,
}

#[derive(Debug)]
enum Part {
    Inner(Box<Inner>),
    /// A field that a mask is on: the mask's number, and what is held of the field.
    Masked(Number, Vec<u8>),
}

impl Reader {
    pub(super) fn new(boundary: &[u8]) -> Self {
        Self {
            delimiter: [b"\r\n--", boundary].concat(),
            state: State::Preamble,
            // The first delimiter may be at the very beginning, without a line end before it.
            held: b"\r\n".to_vec(),
            is_fresh: false,
            before: 0,
            scratch: Vec::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        let part = match &self.state {
            State::Part(Part::Inner(inner)) => inner.held(),
            State::Part(Part::Masked(_, value)) => value.len(),
            _ => 0,
        };
        self.held.len() + part
    }

    pub(super) fn push(
        &mut self,
        scope: &mut Scope<'_>,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        if matches!(self.state, State::Epilogue) {
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(input);
        let mut rest = held.as_slice();
        while let Some(taken) = self.step(scope, rest, out)? {
            self.before += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
        let done = held.len() - rest.len();
        held.drain(..done);
        self.held = held;
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<(), BodyError> {
        match self.state {
            State::Epilogue => Ok(()),
            _ => Err(BodyError::Truncated),
        }
    }

    /// Takes some bytes, if they are enough; `None`: more are needed.
    fn step(
        &mut self,
        scope: &mut Scope<'_>,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<usize>, BodyError> {
        match &mut self.state {
            State::Epilogue => Ok((!input.is_empty()).then_some(input.len())),
            State::Delimited => self.delimited(input, out),
            State::Headers => self.headers(scope, input, out),
            State::Preamble | State::Part(_) => {
                let found = memchr::memmem::find(input, &self.delimiter);
                // What may be the beginning of a delimiter stays.
                let safe = found.unwrap_or(input.len().saturating_sub(self.delimiter.len() - 1));
                if found.is_none() && safe == 0 {
                    return Ok(None);
                }
                // Without a line end before it a delimiter is none, but not to every reader.
                let boundary = self.delimiter.get(2..).unwrap_or_default();
                if std::mem::take(&mut self.is_fresh) && input.starts_with(boundary) {
                    return Err(self.malformed("a boundary where a part's content begins"));
                }
                let content = input.get(..safe).unwrap_or_default();
                if let State::Part(part) = &mut self.state {
                    part.push(scope, content, out)?;
                }
                if found.is_none() {
                    return Ok(Some(safe));
                }
                let is_first = match &mut self.state {
                    State::Part(part) => {
                        part.finish(scope, out)?;
                        false
                    }
                    _ => true,
                };
                let delimiter = self
                    .delimiter
                    .get(if is_first { 2 } else { 0 }..)
                    .unwrap_or_default();
                out.put_slice(delimiter);
                self.state = State::Delimited;
                Ok(Some(safe + self.delimiter.len()))
            }
        }
    }

    /// What follows a delimiter: two dashes after the last part, else the end of its line.
    fn delimited(&mut self, input: &[u8], out: &mut BytesMut) -> Result<Option<usize>, BodyError> {
        let padding = input.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
        match input.get(padding..).unwrap_or_default() {
            [b'-', b'-', ..] if padding == 0 => {
                out.put_slice(b"--\r\n");
                self.state = State::Epilogue;
                Ok(Some(2))
            }
            [b'\r', b'\n', ..] => {
                out.put_slice(b"\r\n");
                self.state = State::Headers;
                Ok(Some(padding + 2))
            }
            [] | [b'\r'] if padding <= 1024 => Ok(None),
            [b'-'] if padding == 0 => Ok(None),
            _ => Err(self.malformed("something after a boundary")),
        }
    }

    fn headers(
        &mut self,
        scope: &mut Scope<'_>,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<Option<usize>, BodyError> {
        let end = if input.starts_with(b"\r\n") {
            Some(0)
        } else {
            memchr::memmem::find(input, b"\r\n\r\n").map(|at| at + 2)
        };
        let limit = scope.limits.line.min(LONGEST_HEADERS);
        if end.unwrap_or(input.len()) > limit {
            return Err(BodyError::TooBig {
                what: "headers of a part",
                limit,
            });
        }
        let Some(end) = end else { return Ok(None) };
        let headers = Headers::parse(input.get(..end).unwrap_or_default())
            .ok_or_else(|| self.malformed("a part's header that is none, or one of them twice"))?;
        for line in &headers.lines {
            self.put_header(scope, line, out);
        }
        out.put_slice(b"\r\n");
        self.state = State::Part(Part::new(scope, &headers)?);
        self.is_fresh = true;
        Ok(Some(end + 2))
    }

    /// A file's name is as telling as a value.
    fn put_header(&mut self, scope: &mut Scope<'_>, line: &[u8], out: &mut BytesMut) {
        let mut shown = BytesMut::new();
        let is_found = scope.plan.detection().is_some_and(|detection| {
            let scratch = &mut self.scratch;
            search::whole(
                detection,
                &[],
                line,
                Writing::Plain,
                scratch,
                &mut shown,
                scope.tally,
            )
        });
        let quotes = |text: &[u8]| memchr::memchr_iter(b'"', text).count();
        if !is_found {
            out.put_slice(line);
        } else if quotes(&shown) == quotes(line) && !shown.iter().any(|c| *c < 0x20 && *c != b'\t') {
            out.put_slice(&shown);
        } else {
            // A mask's text would end a quoted name, or the line.
            let name = memchr::memchr(b':', line).and_then(|colon| line.get(..colon));
            out.put_slice(name.unwrap_or_default());
            out.put_slice(b": redacted");
        }
        out.put_slice(b"\r\n");
    }

    fn malformed(&self, what: &'static str) -> BodyError {
        BodyError::Malformed {
            kind: "multipart",
            what,
            at: self.before,
        }
    }
}

impl Part {
    fn new(scope: &Scope<'_>, headers: &Headers<'_>) -> Result<Self, BodyError> {
        let name = headers.name.as_deref();
        let mask = name.and_then(|name| scope.plan.field(name));
        let media_type = headers.media_type.as_ref();
        if !scope.plan.accepts(media_type.and_then(MediaType::charset)) {
            return Err(BodyError::Charset);
        }
        let kind = match media_type {
            _ if headers.is_encoded => None,
            None => Some(Kind::Text),
            Some(media_type) => media_type.kind(),
        };
        let inner = match (kind, mask) {
            (Some(kind @ (Kind::Json | Kind::NdJson)), mask) => {
                let mut places = scope.plan.root().to_vec();
                if let Some(name) = name {
                    let root = scope.plan.root();
                    scope.plan.step(&root, name, &mut places);
                }
                Inner::Json(Box::new(json::Reader::within(
                    kind == Kind::NdJson,
                    &places,
                    mask,
                )))
            }
            (_, Some(mask)) => return Ok(Self::Masked(mask, Vec::new())),
            (Some(Kind::Text), None) => {
                let context = name.map(|name| [name, b": "].concat()).unwrap_or_default();
                Inner::Text(Box::new(text::Reader::new(&context, scope.limits)))
            }
            // Parts within parts are as unknown as others.
            (None | Some(Kind::Multipart { .. }), None) => match scope.plan.unknown() {
                _ if scope.plan.everything() => Inner::Text(Box::new(text::Reader::new(&[], scope.limits))),
                Unknown::Pass => Inner::Pass,
                Unknown::Detect => Inner::Text(Box::new(text::Reader::new(&[], scope.limits))),
                Unknown::Deny => return Err(BodyError::UnknownPart),
            },
            (Some(kind), None) => Inner::new(kind, scope.plan, scope.limits),
        };
        Ok(Self::Inner(Box::new(inner)))
    }

    fn push(&mut self, scope: &mut Scope<'_>, content: &[u8], out: &mut BytesMut) -> Result<(), BodyError> {
        match self {
            Self::Inner(inner) => inner.push(scope, content, out),
            Self::Masked(mask, value) => {
                let reads = scope.plan.mask(*mask).is_some_and(|(mask, _)| mask.reads_value());
                if !reads {
                    return Ok(());
                }
                if value.len() + content.len() > scope.limits.value {
                    return Err(BodyError::TooBig {
                        what: "a form's field",
                        limit: scope.limits.value,
                    });
                }
                value.extend_from_slice(content);
                Ok(())
            }
        }
    }

    fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        match self {
            Self::Inner(inner) => inner.finish(scope, out),
            Self::Masked(number, value) => {
                scope.tally.values += 1;
                if let Some((mask, label)) = scope.plan.mask(*number) {
                    scope.tally.mask(label);
                    if *mask != Mask::Null {
                        plain::mask(mask, value, out);
                    }
                }
                Ok(())
            }
        }
    }
}

/// What is asked of a part's headers.
#[derive(Debug, Default)]
struct Headers<'a> {
    lines: SmallVec<[&'a [u8]; 4]>,
    /// The field's.
    name: Option<Vec<u8>>,
    media_type: Option<MediaType>,
    /// In a transfer encoding that hides what it is.
    is_encoded: bool,
}

impl<'a> Headers<'a> {
    /// Each line with its end.
    fn parse(block: &'a [u8]) -> Option<Self> {
        let mut headers = Self::default();
        let mut rest = block;
        let mut is_disposed = false;
        while !rest.is_empty() {
            let end = memchr::memmem::find(rest, b"\r\n")?;
            let (line, after) = rest.split_at_checked(end)?;
            rest = after.get(2..)?;
            headers.lines.push(line);
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = line.split_at_checked(colon)?;
            let value = value.get(1..)?.trim_ascii();
            // Also keeps out lines that go on.
            if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
                return None;
            }
            if line.iter().any(|c| matches!(c, b'\r' | b'\n' | 0)) {
                return None;
            }
            if name.eq_ignore_ascii_case(b"content-type") {
                if headers.media_type.is_some() {
                    return None;
                }
                headers.media_type = Some(MediaType::parse(value)?);
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                headers.is_encoded |= ![&b"7bit"[..], b"8bit", b"binary"]
                    .iter()
                    .any(|known| value.eq_ignore_ascii_case(known));
            } else if name.eq_ignore_ascii_case(b"content-disposition") {
                if std::mem::replace(&mut is_disposed, true) {
                    return None;
                }
                headers.name = field_name(value);
            }
        }
        Some(headers)
    }
}

/// The parameter `name` of `form-data`, as browsers write it: quotes within it as `%22`.
fn field_name(disposition: &[u8]) -> Option<Vec<u8>> {
    let mut rest = disposition;
    loop {
        let semicolon = memchr::memchr(b';', rest)?;
        rest = rest.get(semicolon + 1..)?.trim_ascii_start();
        let equals = memchr::memchr(b'=', rest)?;
        let (parameter, value) = rest.split_at_checked(equals)?;
        let is_name = parameter.trim_ascii().eq_ignore_ascii_case(b"name");
        let value = value.get(1..)?.trim_ascii_start();
        if let Some(quoted) = value.strip_prefix(b"\"") {
            let mut name = Vec::new();
            let mut at = 0;
            loop {
                match quoted.get(at..)? {
                    [b'"', after @ ..] => {
                        rest = after;
                        break;
                    }
                    [b'\\', escaped @ (b'"' | b'\\'), ..] => {
                        name.push(*escaped);
                        at += 2;
                    }
                    [byte, ..] => {
                        name.push(*byte);
                        at += 1;
                    }
                    [] => return None,
                }
            }
            if is_name {
                return Some(name);
            }
        } else {
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            let (value, after) = value.split_at_checked(end)?;
            rest = after;
            if is_name {
                return Some(value.trim_ascii().to_vec());
            }
        }
    }
}
