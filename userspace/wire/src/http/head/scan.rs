use std::ops::Range;

use bytes::{Buf, BytesMut};
use nom::Offset;

use super::super::framing::{check_fields, check_host};
use super::super::grammar::{request_line, status_line};
use super::super::lines::{Fields, Lines};
use super::super::{Exceeded, Limits, Text};
use super::{HttpError, RequestHead, ResponseHead, Version};

/// The first byte of a TLS record that carries a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// Reads the head of a request as its lines arrive.
#[derive(Debug)]
pub(in crate::http) struct RequestScan {
    lines: Lines,
    /// Whether an empty line came first.
    skipped: bool,
    start: Option<(Range<usize>, Range<usize>, Version)>,
    fields: Fields,
}

impl RequestScan {
    pub(in crate::http) fn new(limits: &Limits) -> Self {
        Self {
            lines: Lines::new(Exceeded::Head, limits.head),
            skipped: false,
            start: None,
            fields: Fields::default(),
        }
    }

    /// Takes a head that has arrived entirely from the front of `input`.
    pub(in crate::http) fn next(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<RequestHead>, HttpError> {
        loop {
            // Asked again after an empty line, so that how the bytes were cut makes no difference.
            if self.start.is_none() && input.first() == Some(&TLS_HANDSHAKE) {
                return Err(HttpError::Tls);
            }
            let Some(line) = self.lines.next(input)? else {
                return Ok(None);
            };
            let Some((method, target, version)) = &self.start else {
                if line.is_empty() {
                    if self.skipped {
                        return Err(HttpError::EmptyLines);
                    }
                    input.advance(self.lines.taken());
                    *self = Self {
                        skipped: true,
                        ..Self::new(limits)
                    };
                    continue;
                }
                let (method, target, version) = request_line(input.get(line).unwrap_or_default())?;
                if target.len() > limits.target {
                    return Err(HttpError::Limit {
                        what: Exceeded::Target,
                        limit: limits.target,
                    });
                }
                self.start = Some((range(input, method), range(input, target), version));
                continue;
            };
            if !line.is_empty() {
                self.fields.read(input, line, limits)?;
                continue;
            }
            let (method, target, version) = (method.clone(), target.clone(), *version);
            let section = input.split_to(self.lines.taken()).freeze();
            let head = RequestHead {
                method: Text::checked(section.slice(method)),
                target: Text::checked(section.slice(target)),
                version,
                headers: std::mem::take(&mut self.fields).finish(&section),
            };
            check_fields(&head.headers)?;
            check_host(&head)?;
            return Ok(Some(head));
        }
    }
}

/// Reads the head of a response as its lines arrive.
#[derive(Debug)]
pub(in crate::http) struct ResponseScan {
    lines: Lines,
    start: Option<(Version, u16, Range<usize>)>,
    fields: Fields,
}

impl ResponseScan {
    pub(in crate::http) fn new(limits: &Limits) -> Self {
        Self {
            lines: Lines::new(Exceeded::Head, limits.head),
            start: None,
            fields: Fields::default(),
        }
    }

    /// Takes a head that has arrived entirely from the front of `input`.
    pub(in crate::http) fn next(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<ResponseHead>, HttpError> {
        while let Some(line) = self.lines.next(input)? {
            let Some((version, status, reason)) = &self.start else {
                let (version, status, reason) = status_line(input.get(line).unwrap_or_default())?;
                self.start = Some((version, status, range(input, reason)));
                continue;
            };
            if !line.is_empty() {
                self.fields.read(input, line, limits)?;
                continue;
            }
            let (version, status, reason) = (*version, *status, reason.clone());
            let section = input.split_to(self.lines.taken()).freeze();
            let head = ResponseHead {
                version,
                status,
                reason: section.slice(reason),
                headers: std::mem::take(&mut self.fields).finish(&section),
            };
            check_fields(&head.headers)?;
            return Ok(Some(head));
        }
        Ok(None)
    }
}

fn range(input: &[u8], part: &[u8]) -> Range<usize> {
    let start = input.offset(part);
    start..start + part.len()
}
