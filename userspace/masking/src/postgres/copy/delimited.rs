//! What `FORMAT text` and `FORMAT csv` share: fields between delimiters and line ends.

use bytes::{BufMut as _, BytesMut};

use super::{
    CopyError, OnChange,
    field::{Fields, Instead, Mode},
};
use crate::postgres::Format;

/// How a field is written, and where it ends.
pub(crate) trait Dialect {
    /// Where the field's delimiter or line end is; `None` if not in these data. What was seen of the field so far is
    /// remembered: the next call goes on with the data that follow.
    fn field_end(&mut self, data: &[u8]) -> Option<usize>;

    /// NULL as it is written.
    fn null(&self) -> &[u8];

    /// Whether a field that is written so can only be NULL.
    fn is_null(&self, raw: &[u8]) -> bool;

    /// The value of a field, without quotes or escapes. The buffer is for a value that is not written as it is.
    fn read<'a>(&self, raw: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8];

    /// Appends a value. How it looks may depend on nothing but this value: not on that of the server, which it stands for.
    fn write(&self, value: &[u8], out: &mut BytesMut);
}

#[derive(Debug)]
pub(super) struct Reader<D> {
    dialect: D,
    header: bool,
    /// Rows ended, a header included.
    ended: u64,
    column: usize,
    /// Whether the current row has any byte yet.
    in_row: bool,
    value: Vec<u8>,
}

impl<D: Dialect> Reader<D> {
    pub(super) fn new(dialect: D, header: bool) -> Self {
        Self {
            dialect,
            header,
            ended: 0,
            column: 0,
            in_row: false,
            value: Vec::new(),
        }
    }

    pub(super) fn is_between_rows(&self) -> bool {
        !self.in_row
    }

    pub(super) fn rows(&self) -> u64 {
        self.ended.saturating_sub(u64::from(self.header))
    }

    pub(super) fn push(
        &mut self,
        fields: &mut Fields,
        mut data: &[u8],
        out: &mut BytesMut,
        on_change: OnChange<'_>,
    ) -> Result<(), CopyError> {
        while !data.is_empty() {
            let mode = self.mode(fields)?;
            let end = self.dialect.field_end(data);
            let (part, rest) = data
                .split_at_checked(end.unwrap_or(data.len()))
                .unwrap_or((data, &[]));
            self.in_row = true;
            let Some((end, rest)) = rest.split_first() else {
                if mode == Mode::Pass {
                    out.put_slice(part);
                }
                return fields.hold(self.column, mode, part, self.kept());
            };
            if mode == Mode::Pass {
                out.put_slice(part);
            } else {
                self.finish(fields, mode, part, out, on_change)?;
            }
            out.put_u8(*end);
            data = rest;
            self.column += 1;
            if *end == b'\n' {
                self.ended += 1;
                // A table without columns has empty lines.
                if self.column != fields.count().max(1) {
                    return Err(CopyError::Columns {
                        row: self.ended,
                        columns: fields.count(),
                    });
                }
                self.column = 0;
                self.in_row = false;
            }
        }
        Ok(())
    }

    fn mode(&self, fields: &Fields) -> Result<Mode, CopyError> {
        match fields.mode(self.column) {
            Some(_) if self.header && self.ended == 0 => Ok(Mode::Pass),
            Some(mode) => Ok(mode),
            None if fields.count() == 0 && self.column == 0 => Ok(Mode::Drop),
            None => Err(CopyError::Columns {
                row: self.ended + 1,
                columns: fields.count(),
            }),
        }
    }

    /// As many bytes of a dropped field tell whether it is NULL.
    fn kept(&self) -> usize {
        self.dialect.null().len() + 1
    }

    fn finish(
        &mut self,
        fields: &mut Fields,
        mode: Mode,
        part: &[u8],
        out: &mut BytesMut,
        on_change: OnChange<'_>,
    ) -> Result<(), CopyError> {
        let mut held = Vec::new();
        let raw = if fields.holds_nothing() {
            if mode == Mode::Hold {
                fields.fits(self.column, part.len())?;
            }
            part
        } else {
            fields.hold(self.column, mode, part, self.kept())?;
            held = fields.take();
            &held
        };
        if fields.count() == 0 || (mode != Mode::Blank && self.dialect.is_null(raw)) {
            out.put_slice(raw);
        } else {
            let value = match mode {
                Mode::Hold => self.dialect.read(raw, &mut self.value),
                Mode::Pass | Mode::Drop | Mode::Blank => &[],
            };
            match fields.instead(self.column, Format::Text, value, on_change) {
                Instead::Same => out.put_slice(raw),
                Instead::Null => out.put_slice(self.dialect.null()),
                Instead::Value(value) => self.dialect.write(value, out),
            }
        }
        if !held.is_empty() {
            fields.release(held);
        }
        Ok(())
    }
}
