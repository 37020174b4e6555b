//! One field, whatever the layout.

use std::sync::Arc;

use bytes::BytesMut;

use super::{Change, Column, CopyError, OnChange, Treatment};
use crate::{
    Detection, Mask,
    postgres::{
        self, Detected, Format, Masked,
        types::{self, Known},
    },
};

/// The columns' plan, and what is held of the current field.
#[derive(Debug)]
pub(super) struct Fields {
    columns: Vec<(Column, Mode)>,
    detection: Arc<Detection>,
    limit: usize,
    held: Vec<u8>,
    masked: BytesMut,
}

/// How a field's bytes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They go out as they come.
    Pass,
    /// They are held until the field is whole.
    Hold,
    /// They are dropped: the mask does not depend on them. A few are held to tell NULL.
    Drop,
    /// They are dropped, and whether the field is NULL is not asked.
    Blank,
}

/// What goes out instead of a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Instead<'a> {
    /// The field itself.
    Same,
    Null,
    Value(&'a [u8]),
}

impl Fields {
    pub(super) fn new(columns: Vec<Column>, detection: Option<Arc<Detection>>, limit: usize) -> Self {
        let detection = detection.unwrap_or_default();
        let mode = |column: &Column| match &column.treatment {
            treatment if column.read && !matches!(treatment, Treatment::Blank) => Mode::Hold,
            Treatment::Pass => Mode::Pass,
            Treatment::Search if detection.is_empty() || !postgres::is_searched(column.type_oid) => {
                Mode::Pass
            }
            Treatment::Search => Mode::Hold,
            Treatment::Mask(mask) if mask.reads_value() || redacted_reads_value(mask, column.type_oid) => {
                Mode::Hold
            }
            Treatment::Mask(_) => Mode::Drop,
            Treatment::Blank => Mode::Blank,
        };
        let columns = columns
            .into_iter()
            .map(|column| {
                let mode = mode(&column);
                (column, mode)
            })
            .collect();
        Self {
            columns,
            detection,
            limit,
            held: Vec::new(),
            masked: BytesMut::new(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.columns.len()
    }

    /// How the fields of a column are taken; `None` if there is no such column.
    pub(super) fn mode(&self, column: usize) -> Option<Mode> {
        self.columns.get(column).map(|(_, mode)| *mode)
    }

    /// Takes part of a field. Of one that is dropped, `keep` bytes are held at most.
    pub(super) fn hold(
        &mut self,
        column: usize,
        mode: Mode,
        part: &[u8],
        keep: usize,
    ) -> Result<(), CopyError> {
        match mode {
            Mode::Pass | Mode::Blank => {}
            Mode::Hold => {
                self.fits(column, self.held.len().saturating_add(part.len()))?;
                self.held.extend_from_slice(part);
            }
            Mode::Drop => {
                let room = keep.saturating_sub(self.held.len()).min(part.len());
                self.held.extend_from_slice(part.get(..room).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// An error if a field of so many bytes can't be held.
    pub(super) fn fits(&self, column: usize, bytes: usize) -> Result<(), CopyError> {
        if bytes > self.limit {
            return Err(CopyError::TooBig {
                column: column.saturating_add(1),
                limit: self.limit,
            });
        }
        Ok(())
    }

    /// What is held of the field. To be given back to [`Fields::release`] to spare allocations.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    pub(super) fn release(&mut self, mut buffer: Vec<u8>) {
        // One big field must not cost its memory for the rest of the session.
        const KEPT: usize = 1 << 16;
        buffer.clear();
        buffer.shrink_to(KEPT);
        self.held = buffer;
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.held.is_empty()
    }

    /// What goes out instead of a value: one that is not NULL, unless the column is blanked. Read if held.
    pub(super) fn instead(
        &mut self,
        column: usize,
        format: Format,
        value: &[u8],
        on_change: OnChange<'_>,
    ) -> Instead<'_> {
        self.masked.clear();
        let Some((
            Column {
                type_oid,
                treatment,
                read,
            },
            _,
        )) = self.columns.get(column)
        else {
            return Instead::Null;
        };
        if *read {
            on_change(column, Change::Read(format, value));
        }
        let masked = match treatment {
            Treatment::Pass => return Instead::Same,
            Treatment::Search => {
                let on_hit = |name: &str| on_change(column, Change::Detected(name));
                return match postgres::detect(
                    &self.detection,
                    *type_oid,
                    format,
                    value,
                    &mut self.masked,
                    on_hit,
                ) {
                    Detected::Clean => Instead::Same,
                    Detected::Replaced => Instead::Value(&self.masked),
                    Detected::Null => Instead::Null,
                };
            }
            Treatment::Mask(mask) => postgres::mask(mask, *type_oid, format, value, &mut self.masked),
            Treatment::Blank => postgres::blank(*type_oid, format, &mut self.masked),
        };
        on_change(column, Change::Masked);
        match masked {
            Masked::Value => Instead::Value(&self.masked),
            Masked::Null => Instead::Null,
        }
    }
}

/// A fixed text may redact as well, where it is no value of the type.
fn redacted_reads_value(mask: &Mask, type_oid: u32) -> bool {
    *mask != Mask::Null
        && matches!(types::lookup(type_oid), Some(Known::Scalar(of)) if of.kind.constant_reads_value())
}
