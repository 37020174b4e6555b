//! Rows of fields (RFC 4180), whose first line names the columns.
//!
//! Where readers would part a row in different ways (a quote within a field, a lone carriage return) there is an error, as the
//! wrong field would be masked.

use bytes::{BufMut as _, BytesMut};

use super::{
    BodyError, Scope,
    search::{self, Writing},
    selector::Number,
};
use crate::{
    Mask, plain,
    postgres::copy::{CsvDialect, DelimitedDialect as _},
};

/// The plan of more would be bigger than the line that names them.
const MOST_COLUMNS: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Reader {
    delimiter: Option<u8>,
    /// Once the delimiter is known.
    dialect: Option<CsvDialect>,
    columns: Vec<Column>,
    row: u64,
    column: usize,
    /// The field so far; before the delimiter is known, the first line.
    field: Vec<u8>,
    value: Vec<u8>,
    scratch: Vec<u8>,
    /// Bytes before this field, about.
    before: u64,
}

#[derive(Debug)]
struct Column {
    /// The name, for detectors.
    context: Vec<u8>,
    mask: Option<Number>,
}

impl Reader {
    /// Without a delimiter, the first line tells.
    pub(super) fn new(delimiter: Option<u8>) -> Self {
        Self {
            delimiter,
            dialect: None,
            columns: Vec::new(),
            row: 0,
            column: 0,
            field: Vec::new(),
            value: Vec::new(),
            scratch: Vec::new(),
            before: 0,
        }
    }

    pub(super) fn held(&self) -> usize {
        let names: usize = self.columns.iter().map(|column| column.context.len()).sum();
        self.field.len() + names
    }

    pub(super) fn push(
        &mut self,
        scope: &mut Scope<'_>,
        input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        if self.dialect.is_some() {
            return self.fields(scope, input, out);
        }
        let end = memchr::memchr(b'\n', input).map_or(input.len(), |end| end + 1);
        let (line, rest) = input.split_at_checked(end).unwrap_or((input, &[]));
        if self.field.len() + line.len() > scope.limits.line {
            return Err(BodyError::TooBig {
                what: "a line",
                limit: scope.limits.line,
            });
        }
        self.field.extend_from_slice(line);
        if line.last() == Some(&b'\n') {
            self.begin(scope, out)?;
            return self.fields(scope, rest, out);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        if self.dialect.is_none() {
            self.begin(scope, out)?;
        }
        let raw = std::mem::take(&mut self.field);
        if !raw.is_empty() || self.column > 0 {
            self.end_field(scope, &raw, true, out)?;
        }
        Ok(())
    }

    /// The first line is known.
    fn begin(&mut self, scope: &mut Scope<'_>, out: &mut BytesMut) -> Result<(), BodyError> {
        let line = std::mem::take(&mut self.field);
        let delimiter = self.delimiter.unwrap_or_else(|| delimiter(&line));
        self.dialect = Some(CsvDialect::new(delimiter, b'"', b'"', Vec::new()));
        self.delimiter = Some(delimiter);
        self.fields(scope, &line, out)
    }

    fn fields(
        &mut self,
        scope: &mut Scope<'_>,
        mut input: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        while !input.is_empty() {
            let end = self.dialect.as_mut().and_then(|dialect| dialect.field_end(input));
            let (part, rest) = input
                .split_at_checked(end.unwrap_or(input.len()))
                .unwrap_or((input, &[]));
            if self.field.len() + part.len() > scope.limits.value {
                return Err(BodyError::TooBig {
                    what: "a field",
                    limit: scope.limits.value,
                });
            }
            let Some((end, rest)) = rest.split_first() else {
                self.field.extend_from_slice(part);
                break;
            };
            if self.field.is_empty() {
                self.end_field(scope, part, *end == b'\n', out)?;
            } else {
                let mut raw = std::mem::take(&mut self.field);
                raw.extend_from_slice(part);
                self.end_field(scope, &raw, *end == b'\n', out)?;
                raw.clear();
                raw.shrink_to(1 << 16);
                self.field = raw;
            }
            out.put_u8(*end);
            self.before += 1;
            input = rest;
            if *end == b'\n' {
                self.row += 1;
                self.column = 0;
            } else {
                self.column += 1;
            }
        }
        Ok(())
    }

    fn end_field(
        &mut self,
        scope: &mut Scope<'_>,
        raw: &[u8],
        is_last: bool,
        out: &mut BytesMut,
    ) -> Result<(), BodyError> {
        self.before += raw.len() as u64;
        let malformed = |what| BodyError::Malformed {
            kind: "CSV",
            what,
            at: self.before,
        };
        let Some(dialect) = &self.dialect else {
            return Ok(());
        };
        // Part of the line end.
        let (raw, returned) = raw
            .strip_suffix(b"\r")
            .filter(|_| is_last)
            .map_or((raw, &[][..]), |raw| (raw, b"\r"));
        if !is_quoted(raw)
            && raw
                .iter()
                .any(|c| matches!(c, b'\r' | b'\n') || Some(*c) == self.delimiter)
        {
            return Err(malformed(
                "a quote or a carriage return where readers would part rows in different ways",
            ));
        }
        let value = dialect.read(raw, &mut self.value);
        let mut shown = BytesMut::new();
        let is_changed = if self.row == 0 {
            if self.columns.len() >= MOST_COLUMNS {
                return Err(BodyError::TooBig {
                    what: "columns",
                    limit: MOST_COLUMNS,
                });
            }
            let name = value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value).trim_ascii();
            self.columns.push(Column {
                context: [name, b": "].concat(),
                mask: scope.plan.field(name),
            });
            is_found(scope, &[], value, &mut self.scratch, &mut shown)
        } else {
            scope.tally.values += 1;
            let column = self.columns.get(self.column);
            if column.is_none() && scope.plan.names_values() {
                return Err(malformed("a row with more fields than there are columns"));
            }
            match scope.treatment(column.and_then(|column| column.mask)) {
                // Nothing is there to be hidden.
                Some(_) if raw.is_empty() => false,
                Some((mask, label)) => {
                    scope.tally.mask(label);
                    scope.collect(label, Some(value));
                    if *mask != Mask::Null {
                        plain::mask(mask, value, &mut shown);
                    }
                    true
                }
                None => {
                    let context = column.map_or(&[][..], |column| &column.context);
                    is_found(scope, context, value, &mut self.scratch, &mut shown)
                }
            }
        };
        // As null, nothing: quotes would make it an empty text.
        if is_changed && !shown.is_empty() {
            dialect.write(&shown, out);
        } else if !is_changed {
            out.put_slice(raw);
        }
        out.put_slice(returned);
        Ok(())
    }
}

fn is_found(
    scope: &mut Scope<'_>,
    context: &[u8],
    value: &[u8],
    scratch: &mut Vec<u8>,
    shown: &mut BytesMut,
) -> bool {
    scope.plan.detection().is_some_and(|detection| {
        search::whole(
            detection,
            context,
            value,
            Writing::Plain,
            scratch,
            shown,
            scope.tally,
        )
    })
}

/// In quotes from end to end.
fn is_quoted(raw: &[u8]) -> bool {
    let Some(inside) = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) else {
        return false;
    };
    let mut rest = inside;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        if rest.get(quote + 1) != Some(&b'"') {
            return false;
        }
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    true
}

/// What the first line has most of, outside of quotes; a comma if in doubt.
fn delimiter(line: &[u8]) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut is_quoted = false;
    for byte in line {
        is_quoted ^= *byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!is_quoted && byte == delimiter);
        }
    }
    let mut most = (b',', 0);
    for (delimiter, count) in counts {
        if count > most.1 {
            most = (delimiter, count);
        }
    }
    most.0
}
