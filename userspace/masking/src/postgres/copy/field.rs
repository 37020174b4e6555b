//! One field, whatever the layout.

use std::sync::Arc;

use bytes::BytesMut;

use super::{Change, Column, CopyError, OnChange};
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
        let mode = |column: &Column| match &column.mask {
            Some(mask) if mask.reads_value() || redacted_reads_value(mask, column.type_oid) => Mode::Hold,
            Some(_) => Mode::Drop,
            None if column.search && !detection.is_empty() && postgres::is_searched(column.type_oid) => {
                Mode::Hold
            }
            None => Mode::Pass,
        };
        let columns = columns
            .into_iter()
            .map(|column| (mode(&column), column))
            .map(|(m, c)| (c, m))
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
            Mode::Pass => {}
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

    /// What goes out instead of a value that is not NULL. Of a dropped field the value is never read.
    pub(super) fn mask(
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
                mask,
                search,
            },
            _,
        )) = self.columns.get(column)
        else {
            return Instead::Null;
        };
        if let Some(mask) = mask {
            on_change(column, Change::Masked);
            return match postgres::mask(mask, *type_oid, format, value, &mut self.masked) {
                Masked::Value => Instead::Value(&self.masked),
                Masked::Null => Instead::Null,
            };
        }
        if !search {
            return Instead::Same;
        }
        let on_hit = |name: &str| on_change(column, Change::Detected(name));
        match postgres::detect(
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
        }
    }
}

/// A fixed text may redact as well, where it is no value of the type.
fn redacted_reads_value(mask: &Mask, type_oid: u32) -> bool {
    *mask != Mask::Null
        && matches!(types::lookup(type_oid), Some(Known::Scalar(of)) if of.kind.constant_reads_value())
}
