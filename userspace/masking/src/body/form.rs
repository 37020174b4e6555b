//! `application/x-www-form-urlencoded` (the URL standard, 5).

use bytes::{BufMut as _, BytesMut};

use super::{
    BodyError, Scope,
    search::{self, Writing},
};
use crate::{Mask, plain};

/// Reads pair by pair.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The pair so far.
    pair: Vec<u8>,
    scratch: Vec<u8>,
}

impl Reader {
    pub(super) fn held(&self) -> usize {
        self.pair.len()
    }

    pub(super) fn push(
        &mut self,
        scope: &mut Scope<'_>,
        mut input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        while !input.is_empty() {
            let end = memchr::memchr(b'&', input);
            let (part, rest) = input
                .split_at_checked(end.unwrap_or(input.len()))
                .unwrap_or((input, &[]));
            if self.pair.len() + part.len() > scope.limits.value {
                return Err(BodyError::TooBig {
                    what: "a form's field",
                    limit: scope.limits.value,
                });
            }
            self.pair.extend_from_slice(part);
            input = rest;
            if end.is_some() {
                self.end_pair(scope, out);
                out.put_u8(b'&');
                input = input.get(1..).unwrap_or_default();
            }
        }
        Ok(())
    }

    /// The last pair ends.
    pub(super) fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) {
        self.end_pair(scope, out);
    }

    fn end_pair(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) {
        let mut pair = std::mem::take(&mut self.pair);
        if !pair.is_empty() {
            self.write(scope, &pair, out);
        }
        pair.clear();
        pair.shrink_to(1 << 16);
        self.pair = pair;
    }

    fn write(&mut self, scope: &mut Scope<'_>, pair: &[u8], out: &mut BytesMut) {
        scope.tally.values += 1;
        let equals = memchr::memchr(b'=', pair);
        let (raw_name, rest) = pair
            .split_at_checked(equals.unwrap_or(pair.len()))
            .unwrap_or((pair, &[]));
        let name = decode(raw_name);
        let mut shown = BytesMut::new();
        if self.is_found(scope, &[], &name, &mut shown) {
            encode(&shown, out);
        } else {
            out.put_slice(raw_name);
        }
        let Some((equals, raw)) = rest.split_first() else {
            return;
        };
        out.put_u8(*equals);
        let value = decode(raw);
        shown.clear();
        if let Some((mask, label)) = scope.treatment(scope.plan.field(&name)) {
            scope.tally.mask(label);
            scope.collect(label, Some(&value));
            // A form has no other null.
            if *mask != Mask::Null {
                plain::mask(mask, &value, &mut shown);
            }
            return encode(&shown, out);
        }
        let context = [&name, &b": "[..]].concat();
        if self.is_found(scope, &context, &value, &mut shown) {
            encode(&shown, out);
        } else {
            out.put_slice(raw);
        }
    }

    fn is_found(&mut self, scope: &mut Scope<'_>, context: &[u8], text: &[u8], shown: &mut BytesMut) -> bool {
        scope.plan.detection().is_some_and(|detection| {
            let scratch = &mut self.scratch;
            search::whole(
                detection,
                context,
                text,
                Writing::Plain,
                scratch,
                shown,
                scope.tally,
            )
        })
    }
}

/// What is no escape stands for itself.
fn decode(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        text.push(match byte {
            b'+' => b' ',
            b'%' => match after
                .split_first_chunk()
                .and_then(|(digits, after)| Some((hex(*digits)?, after)))
            {
                Some((byte, after)) => {
                    rest = after;
                    byte
                }
                None => b'%',
            },
            other => *other,
        });
    }
    text
}

fn hex(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

fn encode(text: &[u8], out: &mut BytesMut) {
    for byte in text {
        match byte {
            b' ' => out.put_u8(b'+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.put_u8(*byte),
            _ => plain::put(out, format_args!("%{byte:02X}")),
        }
    }
}
