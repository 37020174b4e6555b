//! What is done to the rows of a result: the plan made of masks and detectors, and then a second opinion.

use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use interdict_masking::Detection;
use interdict_masking::postgres::{Detected, Format, detect, is_searched};
use interdict_record::Column;
use interdict_wire::postgres::backend::{DataRow, RowDescription};
use interdict_wire::postgres::{Format as WireFormat, Header};

use crate::postgres::result::Plan;
use crate::session::{Blind, Tally};

/// A plan, and which of its columns others are asked about.
#[derive(Debug)]
pub(in crate::postgres) struct Shown {
    plan: Plan,
    asked: Option<Columns>,
}

/// Type and format of each column that is asked about.
#[derive(Debug)]
pub(in crate::postgres) struct Columns(Vec<Option<(u32, Format)>>);

impl Shown {
    pub(in crate::postgres) fn by_plan_alone(plan: Plan) -> Self {
        Self { plan, asked: None }
    }

    /// Others are asked about columns of text that no mask was put on.
    pub(in crate::postgres) fn with_opinion(plan: Plan, description: RowDescription<'_>) -> Self {
        let columns = description.iter().enumerate().map(|(index, field)| {
            let masked = plan
                .recorded()
                .get(index)
                .is_none_or(|column| column.mask.is_some());
            let format = match field.format {
                WireFormat::Text => Format::Text,
                WireFormat::Binary => Format::Binary,
            };
            (!masked && is_searched(field.type_oid)).then_some((field.type_oid, format))
        });
        let columns: Vec<_> = columns.collect();
        let asked = columns.iter().any(Option::is_some).then_some(Columns(columns));
        Self { plan, asked }
    }

    /// Whether rows pass as they are.
    pub(in crate::postgres) fn untouched(&self) -> bool {
        self.plan.untouched() && self.asked.is_none()
    }

    /// The columns, for the record.
    pub(in crate::postgres) fn recorded(&self) -> Arc<Vec<Column>> {
        Arc::clone(self.plan.recorded())
    }

    pub(in crate::postgres) fn asked(&self) -> Option<&Columns> {
        self.asked.as_ref()
    }

    /// As [`Plan::blind`].
    pub(in crate::postgres) fn blind(&self) -> Blind {
        self.plan.blind()
    }

    /// As [`Plan::rewrite`].
    pub(in crate::postgres) fn rewrite(
        &self,
        message: &[u8],
        row: DataRow<'_>,
        out: &mut BytesMut,
        tally: &mut Tally,
    ) -> bool {
        self.plan.rewrite(message, row, out, tally)
    }
}

impl Columns {
    /// Shows every text of a row to `detection`, which remembers what it does not know. Whether anything is to be changed
    /// as it stands.
    pub(super) fn look(&self, message: &[u8], detection: &Detection) -> bool {
        let mut scratch = BytesMut::new();
        self.rewrite(message, detection, &mut scratch, &mut |_| {}) > 0
    }

    /// Appends a row with what `detection` finds replaced. The number of cells that were changed.
    pub(super) fn rewrite(
        &self,
        message: &[u8],
        detection: &Detection,
        out: &mut BytesMut,
        on_hit: &mut dyn FnMut(&str),
    ) -> u64 {
        // It was written by the plan, or read when it came.
        let Ok(row) = DataRow::parse(message.get(Header::SIZE..).unwrap_or_default()) else {
            return 0;
        };
        let start = out.len();
        let mut copied = 0;
        let mut changed = 0;
        for (cell, column) in row.located().zip(&self.0) {
            let (Some(value), Some((type_oid, format))) = (cell.value, column) else {
                continue;
            };
            let before = out.len();
            let (from, to) = (CELLS + cell.range.start, CELLS + cell.range.end);
            out.put_slice(message.get(copied..from).unwrap_or_default());
            let length_at = out.len();
            out.put_i32(0);
            match detect(detection, *type_oid, *format, value, out, &mut *on_hit) {
                Detected::Clean => {
                    out.truncate(before);
                    continue;
                }
                Detected::Replaced => put_length(out, length_at, 4),
                Detected::Null => {
                    out.truncate(length_at);
                    out.put_i32(-1);
                }
            }
            copied = to;
            changed += 1;
        }
        out.put_slice(message.get(copied..).unwrap_or_default());
        if changed > 0 {
            put_length(out, start + 1, 0);
        }
        changed
    }
}

/// Where the cells of a DataRow message begin: after the tag, the length and the count.
const CELLS: usize = 7;

/// Writes the length word at `at`: everything from there to the end, less `less` bytes.
fn put_length(out: &mut BytesMut, at: usize, less: usize) {
    let length = u32::try_from(out.len().saturating_sub(at + less)).unwrap_or(u32::MAX);
    if let Some(word) = out.get_mut(at..at + 4) {
        word.copy_from_slice(&length.to_be_bytes());
    }
}
