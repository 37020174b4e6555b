//! Result rows: what is done to each column, and doing it.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use interdict_masking::postgres::{
    Detected, Format, Masked, blank, copy, detect, identifier, is_searched, mask,
};
use interdict_masking::{Detection, Subject};
use interdict_record::Column;
use interdict_wire::postgres::Format as WireFormat;
use interdict_wire::postgres::backend::{DataRow, RowDescription};

use crate::catalogue::{Bearing, MaskMap, Origin};
use crate::session::{Bearers, Blind, Carrying, Tally, Treatment};

/// What is done to a result's cells.
#[derive(Debug, Default)]
pub(super) struct Plan {
    columns: Vec<ColumnPlan>,
    detection: Option<Arc<Detection>>,
    /// Nothing is done: rows pass as they are.
    untouched: bool,
    /// What it does not tell of whose data the rows are.
    blind: Blind,
    recorded: Arc<Vec<Column>>,
}

#[derive(Debug)]
struct ColumnPlan {
    treatment: Treatment,
    type_oid: u32,
    format: Format,
    /// Whose data it is.
    subject: Option<Arc<Subject>>,
}

/// What a plan is made from besides the description.
pub(super) struct PlanInput<'a> {
    pub(super) map: Option<&'a Arc<MaskMap>>,
    pub(super) detection: Option<&'a Arc<Detection>>,
    /// What could show a masked value.
    pub(super) carrying: &'a Carrying,
    pub(super) bearers: Bearers,
}

/// A column that a COPY of a relation sends.
pub(super) struct Copied {
    pub(super) name: String,
    pub(super) type_oid: u32,
    pub(super) shown: Origin,
    pub(super) bearing: Bearing,
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
        let count = description.iter().count();
        for (index, field) in description.iter().enumerate() {
            let label = String::from_utf8_lossy(field.name).into_owned();
            let format = match field.format {
                WireFormat::Text => Format::Text,
                WireFormat::Binary => Format::Binary,
            };
            let mut origin = None;
            let mut shown = Origin::Clear;
            if let Some(map) = input.map {
                // Attribute 0 is a whole row; negative ones are system columns, which hold no data of the table.
                shown = if field.table_oid == 0 || field.attribute == 0 {
                    if input.carrying.carries {
                        let flow = input.carrying.output(index, count);
                        flow.map_or(Origin::Unknown, |flow| map.shown(&flow))
                    } else {
                        Origin::Clear
                    }
                } else if field.attribute > 0 {
                    origin = map.catalogue().label(field.table_oid, field.attribute);
                    map.origin(field.table_oid, field.attribute)
                } else {
                    Origin::Clear
                };
            }
            let searched = plan.detection.is_some() && is_searched(field.type_oid);
            let Some(treatment) = Treatment::of(shown, &label, input.carrying.mask_all, searched) else {
                return Err(Untraceable { label });
            };
            let bearing = input.bearers.of(|map| {
                if field.table_oid == 0 || field.attribute == 0 {
                    input.carrying.borne(map, index, count)
                } else if field.attribute > 0 {
                    map.origin(field.table_oid, field.attribute)
                } else {
                    Origin::Clear
                }
            });
            plan.add(label, origin, treatment, bearing, field.type_oid, format);
        }
        Ok(plan)
    }

    /// The plan of a COPY of one relation's columns.
    pub(super) fn copied(
        columns: Vec<Copied>,
        detection: Option<&Arc<Detection>>,
    ) -> Result<Self, Untraceable> {
        let mut plan = Self {
            untouched: true,
            detection: detection.cloned(),
            ..Self::default()
        };
        for Copied {
            name: label,
            type_oid,
            shown,
            bearing,
        } in columns
        {
            let searched = plan.detection.is_some() && is_searched(type_oid);
            let Some(treatment) = Treatment::of(shown, &label, false, searched) else {
                return Err(Untraceable { label });
            };
            plan.add(label, None, treatment, bearing, type_oid, Format::Text);
        }
        Ok(plan)
    }

    fn add(
        &mut self,
        label: String,
        origin: Option<String>,
        treatment: Treatment,
        bearing: Bearing,
        type_oid: u32,
        format: Format,
    ) {
        let hidden = matches!(treatment, Treatment::Blank(_));
        let subject = self.blind.subject(bearing, hidden);
        self.untouched &= matches!(treatment, Treatment::Pass) && subject.is_none();
        // Nobody else has them yet.
        Arc::make_mut(&mut self.recorded).push(treatment.recorded(label, origin));
        self.columns.push(ColumnPlan {
            treatment,
            type_oid,
            format,
            subject,
        });
    }

    /// The same for the fields of COPY data.
    pub(super) fn copy_columns(&self) -> Vec<copy::Column> {
        let columns = self.columns.iter().map(|column| copy::Column {
            type_oid: column.type_oid,
            treatment: match &column.treatment {
                Treatment::Pass => copy::Treatment::Pass,
                Treatment::Detect => copy::Treatment::Search,
                Treatment::Mask(masked) => copy::Treatment::Mask(Arc::new(masked.mask.clone())),
                Treatment::Blank(_) => copy::Treatment::Blank,
            },
            read: column.subject.is_some(),
        });
        columns.collect()
    }

    /// A field of a COPY's row in the column of that number, whose data it is.
    pub(super) fn note(&self, column: usize, format: Format, value: &[u8], tally: &mut Tally) {
        if let Some(plan) = self.columns.get(column)
            && let Some(subject) = &plan.subject
        {
            tally.subjects.note(subject, tally.rows, |text| {
                identifier(plan.type_oid, format, value, text)
            });
        }
    }

    /// What it does not tell of whose data the rows are.
    pub(super) fn blind(&self) -> Blind {
        self.blind
    }

    /// What the mask on the column of that number came from.
    pub(super) fn origin(&self, column: usize) -> &str {
        let column = self.columns.get(column);
        column
            .and_then(|column| column.treatment.masked())
            .map_or("", |masked| &masked.origin)
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
    pub(super) fn recorded(&self) -> &Arc<Vec<Column>> {
        &self.recorded
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
            let Some(value) = cell
                .value
                .or(matches!(plan.treatment, Treatment::Blank(_)).then_some(&[][..]))
            else {
                continue;
            };
            if let (Some(subject), Some(value)) = (&plan.subject, cell.value) {
                tally.subjects.note(subject, tally.rows, |text| {
                    identifier(plan.type_oid, plan.format, value, text)
                });
            }
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
                    tally.count_masked(masked);
                }
                Treatment::Blank(masked) => {
                    // A NULL has no bytes: its length word of -1 stands right before.
                    out.extend_from_slice(message.get(copied..from_byte).unwrap_or_default());
                    let length_at = out.len();
                    out.put_i32(0);
                    match blank(plan.type_oid, plan.format, out) {
                        Masked::Value => put_length(out, length_at, 4),
                        Masked::Null => {
                            out.truncate(length_at);
                            out.put_i32(-1);
                        }
                    }
                    copied = to_byte;
                    changed = true;
                    tally.masked_cells += 1;
                    tally.count_masked(masked);
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
                        tally.count(name);
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
