use std::ops::Range;

use bytes::Bytes;
use nom::Offset;

use super::grammar::{field_line, is_blank, trim};
use super::{Exceeded, Headers, HttpError, Limits};

/// The fields that frame or route: written in one way only.
const PLAIN: [&str; 3] = ["Content-Length", "Transfer-Encoding", "Host"];

/// Finds the lines of a section (a head, a chunk line, trailers) at the front of a buffer that grows, and looks at no
/// byte twice.
#[derive(Debug)]
pub(super) struct Lines {
    /// Where the line that is awaited begins.
    start: usize,
    /// Up to where no line end is.
    searched: usize,
    what: Exceeded,
    /// Bytes that the section may have.
    limit: usize,
}

impl Lines {
    pub(super) const fn new(what: Exceeded, limit: usize) -> Self {
        Self {
            start: 0,
            searched: 0,
            what,
            limit,
        }
    }

    /// Bytes of the lines that were found, line ends included.
    pub(super) const fn taken(&self) -> usize {
        self.start
    }

    /// The next line, without its CRLF. `None`: its end has not arrived.
    pub(super) fn next(&mut self, input: &[u8]) -> Result<Option<Range<usize>>, HttpError> {
        let fresh = input.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr::memchr2(b'\r', b'\n', fresh) else {
            self.searched = input.len();
            self.check(input.len())?;
            return Ok(None);
        };
        let at = self.searched + at;
        // The limit first: what is said must not depend on how the bytes were cut.
        self.check(at + 1)?;
        match (input.get(at), input.get(at + 1)) {
            (Some(b'\n'), _) => Err(HttpError::BareLf),
            (_, None) => {
                self.searched = at;
                Ok(None)
            }
            (_, Some(b'\n')) => {
                self.check(at + 2)?;
                let line = self.start..at;
                (self.start, self.searched) = (at + 2, at + 2);
                Ok(Some(line))
            }
            (_, Some(_)) => Err(HttpError::BareCr),
        }
    }

    const fn check(&self, bytes: usize) -> Result<(), HttpError> {
        if bytes > self.limit {
            return Err(HttpError::Limit {
                what: self.what,
                limit: self.limit,
            });
        }
        Ok(())
    }
}

/// The fields of a section, found as their lines arrive.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(Range<usize>, Range<usize>)>);

impl Fields {
    /// Reads the line of `input` at `line`.
    pub(super) fn read(
        &mut self,
        input: &[u8],
        line: Range<usize>,
        limits: &Limits,
    ) -> Result<(), HttpError> {
        if self.0.len() >= limits.fields {
            return Err(HttpError::Limit {
                what: Exceeded::Fields,
                limit: limits.fields,
            });
        }
        let line = input.get(line).unwrap_or_default();
        if line.first().copied().is_some_and(is_blank) {
            return Err(if self.0.is_empty() {
                HttpError::LeadingWhitespace
            } else {
                HttpError::ObsFold
            });
        }
        let (name, raw) = field_line(line)?;
        let value = trim(raw);
        if let Some(plain) = PLAIN
            .iter()
            .find(|plain| plain.as_bytes().eq_ignore_ascii_case(name))
            && raw.strip_prefix(b" ").unwrap_or(raw) != value
        {
            return Err(HttpError::Spacing(plain));
        }
        let range = |part: &[u8]| {
            let start = input.offset(part);
            start..start + part.len()
        };
        self.0.push((range(name), range(value)));
        Ok(())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields as slices of `section`, which is what was read.
    pub(super) fn finish(self, section: &Bytes) -> Headers {
        Headers::checked(
            self.0
                .into_iter()
                .map(|(name, value)| (section.slice(name), section.slice(value)))
                .collect(),
        )
    }
}
