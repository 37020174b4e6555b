//! Server-sent events (the HTML standard, 9.2.6): they flow event by event.

use bytes::{BufMut as _, BytesMut};

use super::{
    BodyError, Scope, Tally, json,
    search::{self, Writing},
};
use crate::plain::REDACTED;

#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The lines of the event so far.
    event: Vec<u8>,
    /// Whether the current line has any byte.
    in_line: bool,
    /// A line feed that follows belongs to the line end before.
    after_return: bool,
    /// Bytes before the event.
    before: u64,
    scratch: Vec<u8>,
}

/// A line, and what ends it: nothing at the end of the body.
struct Line<'a> {
    text: &'a [u8],
    end: &'a [u8],
}

impl Reader {
    pub(super) fn held(&self) -> usize {
        self.event.len()
    }

    pub(super) fn push(
        &mut self,
        scope: &mut Scope<'_>,
        mut input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        while let Some(first) = input.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                if self.event.is_empty() {
                    out.put_u8(b'\n');
                    self.before += 1;
                } else {
                    self.event.push(b'\n');
                }
                input = input.get(1..).unwrap_or_default();
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', input);
            let (line, rest) = input
                .split_at_checked(end.map_or(input.len(), |end| end + 1))
                .unwrap_or((input, &[]));
            if self.event.len() + line.len() > scope.limits.line {
                return Err(BodyError::TooBig {
                    what: "an event",
                    limit: scope.limits.line,
                });
            }
            self.event.extend_from_slice(line);
            input = rest;
            let Some(end) = end else {
                self.in_line = true;
                break;
            };
            self.after_return = line.last() == Some(&b'\r');
            let is_empty = end == 0 && !std::mem::take(&mut self.in_line);
            self.in_line = false;
            if is_empty {
                self.end_event(scope, out)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        self.end_event(scope, out)
    }

    fn end_event(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        let mut event = std::mem::take(&mut self.event);
        self.write(scope, &event, out)?;
        self.before += event.len() as u64;
        event.clear();
        event.shrink_to(1 << 16);
        self.event = event;
        Ok(())
    }

    fn write(
        &mut self,
        scope: &mut Scope<'_>,
        mut event: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if self.before == 0
            && let Some(rest) = event.strip_prefix(MARK)
        {
            out.put_slice(MARK);
            event = rest;
        }
        let values: Vec<&[u8]> = lines(event).filter_map(|line| data(line.text)).collect();
        let mut instead = if values.is_empty() {
            None
        } else {
            self.data(scope, &values.join(&b'\n'))?
        };
        let mut is_replaced = false;
        for line in lines(event) {
            if data(line.text).is_none() {
                self.other(scope, &line, out);
            } else if let Some(shown) = instead.take() {
                is_replaced = true;
                let name = if line.text.starts_with(b"data: ") {
                    "data: "
                } else {
                    "data:"
                };
                // The body may end within the line.
                let end = if line.end.is_empty() { b"\n" } else { line.end };
                let mut parts = shown[..].split(|c| matches!(c, b'\n' | b'\r')).peekable();
                while let Some(part) = parts.next() {
                    out.put_slice(name.as_bytes());
                    out.put_slice(part);
                    out.put_slice(if parts.peek().is_some() { end } else { line.end });
                }
            } else if !is_replaced {
                out.put_slice(line.text);
                out.put_slice(line.end);
            }
        }
        Ok(())
    }

    /// What goes on instead of an event's data; `None`: they themselves.
    fn data(&mut self, scope: &mut Scope<'_>, data: &[u8]) -> Result<Option<BytesMut>, BodyError> {
        let mut shown = BytesMut::new();
        // What is found in something that turns out to be no document doesn't count.
        let mut tally = Tally::default();
        let mut within = Scope {
            plan: scope.plan,
            limits: scope.limits,
            tally: &mut tally,
        };
        let text = data.trim_ascii();
        if text.is_empty() {
            return Ok(None);
        }
        match json::document(&mut within, data, &mut shown) {
            Ok(()) => {
                scope.tally.add(tally);
                return Ok((shown != data).then_some(shown));
            }
            // Members that a selector names would go unseen. `[DONE]`, which some services send at the end, has none.
            Err(error)
                if (scope.plan.names_values() || matches!(error, BodyError::TooBig { .. }))
                    && matches!(text.first(), Some(b'{' | b'['))
                    && memchr::memchr(b'"', text).is_some() =>
            {
                return Err(match error {
                    BodyError::Malformed { what, .. } => BodyError::Malformed {
                        kind: "JSON in an event",
                        what,
                        at: self.before,
                    },
                    other => other,
                });
            }
            Err(_) => shown.clear(),
        }
        scope.tally.values += 1;
        if scope.plan.everything() {
            scope.tally.mask(Tally::EVERYTHING);
            shown.put_slice(REDACTED);
            return Ok(Some(shown));
        }
        let Some(detection) = scope.plan.detection() else {
            return Ok(None);
        };
        let is_found = search::whole(
            detection,
            &[],
            data,
            Writing::Plain,
            &mut self.scratch,
            &mut shown,
            scope.tally,
        );
        Ok(is_found.then_some(shown))
    }

    /// A line that holds no data: an event's name or id, or a comment.
    fn other(&mut self, scope: &mut Scope<'_>, line: &Line<'_>, out: &mut BytesMut) {
        let colon = memchr::memchr(b':', line.text);
        let is_known = [&b"event:"[..], b"id:", b"retry:"]
            .iter()
            .any(|known| line.text.starts_with(known));
        let mut shown = BytesMut::new();
        let is_changed = if scope.plan.everything() && !is_known && !line.text.is_empty() {
            scope.tally.mask(Tally::EVERYTHING);
            shown.put_slice(line.text.get(..colon.map_or(0, |at| at + 1)).unwrap_or_default());
            shown.put_slice(REDACTED);
            true
        } else {
            scope.plan.detection().is_some_and(|detection| {
                search::whole(
                    detection,
                    &[],
                    line.text,
                    Writing::Plain,
                    &mut self.scratch,
                    &mut shown,
                    scope.tally,
                )
            })
        };
        if is_changed {
            // A line end in a mask's text would begin a line of its own.
            out.extend(
                shown
                    .iter()
                    .map(|c| if matches!(c, b'\r' | b'\n') { b' ' } else { *c }),
            );
        } else {
            out.put_slice(line.text);
        }
        out.put_slice(line.end);
    }
}

fn lines(mut event: &[u8]) -> impl Iterator<Item = Line<'_>> {
    std::iter::from_fn(move || {
        if event.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', event).unwrap_or(event.len());
        let (text, rest) = event.split_at_checked(end)?;
        let length = match rest {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let (end, rest) = rest.split_at_checked(length)?;
        event = rest;
        Some(Line { text, end })
    })
}

/// The value of a line of data.
fn data(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}
