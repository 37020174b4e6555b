//! Result rows: what is done to each column, and doing it.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use interdict_masking::postgres::{Detected, Format, Masked, detect, is_searched, mask};
use interdict_masking::{Detection, Mask};
use interdict_record::Column;
use interdict_wire::postgres::Format as WireFormat;
use interdict_wire::postgres::backend::{DataRow, RowDescription};

use super::pending::Tally;
use crate::catalogue::{MaskMap, MaskedColumn, Origin};

/// What is done to a result's cells.
#[derive(Debug, Default)]
pub(super) struct Plan {
    columns: Vec<ColumnPlan>,
    detection: Option<Arc<Detection>>,
    /// Nothing is done: rows pass as they are.
    untouched: bool,
    record: Vec<Column>,
}

#[derive(Debug)]
struct ColumnPlan {
    treatment: Treatment,
    type_oid: u32,
    format: Format,
}

#[derive(Debug)]
enum Treatment {
    Pass,
    Mask(Arc<MaskedColumn>),
    /// Value detectors look at it.
    Detect,
}

/// What a plan is made from besides the description.
pub(super) struct PlanInput<'a> {
    pub(super) map: Option<&'a MaskMap>,
    pub(super) detection: Option<&'a Arc<Detection>>,
    /// Columns without an origin could carry a masked value.
    pub(super) carries: bool,
    /// Mask every column.
    pub(super) mask_all: bool,
}

/// A column that may carry a masked value and can't be traced to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Untraceable {
    pub(super) label: String,
}

impl Plan {
    /// Decides for each column. A column that can't be traced while it could carry a masked value is an error: the
    /// result must not be shown.
    pub(super) fn new(description: RowDescription<'_>, input: &PlanInput<'_>) -> Result<Self, Untraceable> {
        let mut plan = Self {
            untouched: true,
            detection: input.detection.cloned(),
            ..Self::default()
        };
        for field in description {
            let label = String::from_utf8_lossy(field.name).into_owned();
            let format = match field.format {
                WireFormat::Text => Format::Text,
                WireFormat::Binary => Format::Binary,
            };
            let mut origin = None;
            let mut treatment = Treatment::Pass;
            if let Some(map) = input.map {
                // Attribute 0 is a whole row; negative ones are system columns, which hold no data of the table.
                if field.table_oid == 0 || field.attribute == 0 {
                    if input.carries && !input.mask_all {
                        return Err(Untraceable { label });
                    }
                } else if field.attribute > 0 {
                    origin = map.catalogue().label(field.table_oid, field.attribute);
                    match map.origin(field.table_oid, field.attribute) {
                        Origin::Clear => {}
                        Origin::Masked(masked) => treatment = Treatment::Mask(masked),
                        Origin::Unknown if input.mask_all => {}
                        Origin::Unknown => return Err(Untraceable { label }),
                    }
                }
            }
            if input.mask_all && matches!(treatment, Treatment::Pass) {
                let unknown = MaskedColumn {
                    mask: Mask::Redact,
                    origin: label.clone(),
                    rule: "uncertain".to_owned(),
                };
                treatment = Treatment::Mask(Arc::new(unknown));
            }
            if matches!(treatment, Treatment::Pass) && plan.detection.is_some() && is_searched(field.type_oid)
            {
                treatment = Treatment::Detect;
            }
            let mask = match &treatment {
                Treatment::Mask(masked) => Some(masked.mask.to_string()),
                Treatment::Pass | Treatment::Detect => None,
            };
            plan.untouched &= matches!(treatment, Treatment::Pass);
            plan.record.push(Column { label, origin, mask });
            plan.columns.push(ColumnPlan {
                treatment,
                type_oid: field.type_oid,
                format,
            });
        }
        Ok(plan)
    }

    /// The plan of a statement without a result.
    pub(super) fn nothing() -> Self {
        Self {
            untouched: true,
            ..Self::default()
        }
    }

    /// Whether rows pass as they are.
    pub(super) fn untouched(&self) -> bool {
        self.untouched
    }

    /// The columns, for the record.
    pub(super) fn columns(&self) -> &[Column] {
        &self.record
    }

    /// Appends the row as the client may see it. `message` is the whole DataRow message, `row` its parsed body. False if
    /// the row has another number of cells than was described.
    pub(super) fn rewrite(
        &self,
        message: &[u8],
        row: DataRow<'_>,
        out: &mut BytesMut,
        tally: &mut Tally,
    ) -> bool {
        if row.len() != self.columns.len() {
            return false;
        }
        let start = out.len();
        // Tag, length and count stand as they are; the length is put right at the end if anything changed.
        let mut copied = 0;
        let mut changed = false;
        for (cell, plan) in row.located().zip(&self.columns) {
            let Some(value) = cell.value else { continue };
            let (from_byte, to_byte) = (CELLS + cell.range.start, CELLS + cell.range.end);
            match &plan.treatment {
                Treatment::Pass => {}
                Treatment::Mask(masked) => {
                    out.extend_from_slice(message.get(copied..from_byte).unwrap_or_default());
                    let length_at = out.len();
                    out.put_i32(0);
                    match mask(&masked.mask, plan.type_oid, plan.format, value, out) {
                        Masked::Value => put_length(out, length_at, 4),
                        Masked::Null => {
                            out.truncate(length_at);
                            out.put_i32(-1);
                        }
                    }
                    copied = to_byte;
                    changed = true;
                    tally.masked_cells += 1;
                    count(tally, &masked.origin);
                }
                Treatment::Detect => {
                    let Some(detection) = &self.detection else {
                        continue;
                    };
                    let from = out.len();
                    out.extend_from_slice(message.get(copied..from_byte).unwrap_or_default());
                    let length_at = out.len();
                    out.put_i32(0);
                    let found = detect(detection, plan.type_oid, plan.format, value, out, |name| {
                        count(tally, name);
                    });
                    match found {
                        Detected::Clean => {
                            out.truncate(from);
                            continue;
                        }
                        Detected::Replaced => put_length(out, length_at, 4),
                        Detected::Null => {
                            out.truncate(length_at);
                            out.put_i32(-1);
                        }
                    }
                    copied = to_byte;
                    changed = true;
                    tally.masked_cells += 1;
                }
            }
        }
        out.extend_from_slice(message.get(copied..).unwrap_or_default());
        if changed {
            put_length(out, start + 1, 0);
        }
        true
    }
}

/// Where the cells of a DataRow message begin: after the tag, the length and the count.
const CELLS: usize = 7;

/// Writes the big-endian length word at `at`: everything from there to the end, less `less` bytes (a cell's length does
/// not count itself, a message's does).
fn put_length(out: &mut BytesMut, at: usize, less: usize) {
    let length = u32::try_from(out.len().saturating_sub(at + less)).unwrap_or(u32::MAX);
    if let Some(word) = out.get_mut(at..at + 4) {
        word.copy_from_slice(&length.to_be_bytes());
    }
}

fn count(tally: &mut Tally, name: &str) {
    if let Some(known) = tally.masked_by.get_mut(name) {
        *known += 1;
    } else {
        tally.masked_by.insert(name.to_owned(), 1);
    }
}

/// Lets detectors look at the fields of a message of binary COPY data; true if something was found, and `out` then has
/// the message's data as the client may see it. The server sends one row in a message, the signature before the first.
pub(super) fn redact_binary_copy(
    detection: &Detection,
    data: &[u8],
    out: &mut BytesMut,
    on_hit: &mut impl FnMut(&str),
) -> bool {
    const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
    let mut rest = data;
    let mut found = false;
    if rest.starts_with(SIGNATURE) {
        // Flags and the length of an extension follow the signature.
        let extension = rest
            .get(15..19)
            .and_then(|word| word.try_into().ok())
            .map_or(0, u32::from_be_bytes);
        let Some((head, row)) = rest.split_at_checked(19 + extension as usize) else {
            return false;
        };
        out.extend_from_slice(head);
        rest = row;
    }
    let Some((count, mut rest)) = rest.split_at_checked(2) else {
        return false;
    };
    out.extend_from_slice(count);
    while let Some((length, after)) = rest.split_at_checked(4) {
        let length = length.try_into().map_or(-1, i32::from_be_bytes);
        let at = out.len();
        out.put_i32(length);
        rest = after;
        let Ok(length) = usize::try_from(length) else {
            continue;
        };
        let Some((value, after)) = rest.split_at_checked(length) else {
            return false;
        };
        rest = after;
        // Fields have no types here: what is not text is passed over.
        if std::str::from_utf8(value).is_ok() && detection.redact(value, out, &mut *on_hit) {
            put_length(out, at, 4);
            found = true;
        } else {
            out.extend_from_slice(value);
        }
    }
    out.extend_from_slice(rest);
    found
}
