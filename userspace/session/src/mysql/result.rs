//! Result rows: what is done to each column, and doing it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_masking::mysql::{Detected, Masked, Type, blank, detect, identifier, is_searched, mask};
use interdict_masking::{Detection, Subject};
use interdict_policy::{Decision, ResultWatch};
use interdict_record::Column;
use interdict_wire::WireError;
use interdict_wire::mysql::Sequence;
use interdict_wire::mysql::response::{Column as Definition, ExtendedMetadata};
use interdict_wire::mysql::row::{BinaryRow, BinaryRowWriter, TextRow, TextRowWriter};
use interdict_wire::mysql::values::{Kind, Value};
use uuid::Uuid;

use crate::catalogue::{MaskMap, Origin};
use crate::refusal::Refusal;
use crate::session::{Bearers, Blind, Carrying, HeldResult, Portion, Scratch, Tally, Treatment};

/// A statement that the server is running or will run.
pub(super) struct Run {
    pub(super) statement_id: Uuid,
    /// Whether masked values may be within reach of its result, so that its error texts are withheld.
    pub(super) sensitive: bool,
    pub(super) carrying: Carrying,
    /// Its rows are shown only by a plan.
    pub(super) planned: bool,
    pub(super) ddl: bool,
    /// It may ask the client for a file.
    pub(super) takes_file: bool,
    /// What is done to the rows of the result that is being sent.
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) watch: Option<ResultWatch>,
    /// The result of which it sends a portion, and how much was sent of that before.
    pub(super) portion: Option<(String, Portion)>,
    /// What a person is shown if its result has to wait.
    pub(super) held_result: Option<Box<HeldResult>>,
    pub(super) stopped: Option<(Decision, Refusal)>,
    pub(super) tally: Tally,
    /// The columns of the result that is being described, and how many there are to be.
    pub(super) columns: Vec<Described>,
    pub(super) expected: usize,
    /// The messages that describe it, until it is certain that it may be shown.
    pub(super) held: Vec<Bytes>,
}

impl Run {
    /// Whether the rows that it gave were all.
    pub(super) fn ended_by_rows(&self) -> bool {
        self.plan.is_some() || self.tally.rows > 0
    }
}

/// A column as the server describes it.
#[derive(Debug)]
pub(super) struct Described {
    label: String,
    schema: String,
    table: String,
    column: String,
    kind: Kind,
    of: Type,
}

impl Described {
    pub(super) fn new(definition: &Definition<'_>, folded: bool) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let table = |bytes: &[u8]| {
            if folded {
                text(bytes).to_lowercase()
            } else {
                text(bytes)
            }
        };
        let of = Type::new(definition.column_type.0, definition.flags.0, definition.charset);
        let format = definition.extended.and_then(|extended| {
            extended
                .get(ExtendedMetadata::FORMAT)
                .or_else(|| extended.get(ExtendedMetadata::TYPE))
        });
        Self {
            label: text(definition.name),
            schema: table(definition.schema),
            table: table(definition.org_table),
            column: text(definition.org_name).to_lowercase(),
            kind: definition.kind(),
            of: match format {
                Some(format) => of.with_format(format),
                None => of,
            },
        }
    }
}

impl Described {
    /// Whether it is a column of a relation that the server does not bring.
    fn is_of_users(&self) -> bool {
        // What is read of a temporary result has no schema: the statement's lineage tells what it shows.
        !self.schema.is_empty()
            && !self.column.is_empty()
            && !self.table.is_empty()
            && !interdict_sql::mysql::is_system(Some(&self.schema))
    }
}

/// What is done to a result's cells.
#[derive(Debug, Default)]
pub(super) struct Plan {
    columns: Vec<ColumnPlan>,
    kinds: Vec<Kind>,
    detection: Option<Arc<Detection>>,
    untouched: bool,
    /// Others are asked about some of it.
    asks: bool,
    /// What it does not tell of whose data the rows are.
    blind: Blind,
    recorded: Arc<Vec<Column>>,
}

#[derive(Debug)]
struct ColumnPlan {
    treatment: Treatment,
    kind: Kind,
    of: Type,
    /// Others are asked about it: text that no mask was put on.
    asked: bool,
    /// Whose data it is.
    subject: Option<Arc<Subject>>,
}

impl ColumnPlan {
    /// Whether nothing is done to it, and nothing read of it.
    fn passes(&self) -> bool {
        matches!(self.treatment, Treatment::Pass) && !self.asked && self.subject.is_none()
    }
}

/// What a plan is made from besides the columns.
pub(super) struct PlanInput<'a> {
    pub(super) map: Option<&'a MaskMap>,
    /// The catalogue may lack what the session's user sees.
    pub(super) strict: bool,
    pub(super) detection: Option<&'a Arc<Detection>>,
    /// Others are asked about texts.
    pub(super) opinions: bool,
    pub(super) carrying: &'a Carrying,
    pub(super) bearers: Bearers,
}

/// A column that may carry a masked value and can't be traced to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Untraceable(pub(super) String);

impl Plan {
    /// Decides for each column. The server's word on an origin only adds a mask: a derived table can make it name any column.
    pub(super) fn new(columns: &[Described], input: &PlanInput<'_>) -> Result<Self, Untraceable> {
        let carrying = input.carrying;
        let mut plan = Self {
            untouched: true,
            detection: input.detection.cloned(),
            ..Self::default()
        };
        let mut recorded = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let mut origin = None;
            let mut shown = Origin::Clear;
            let named = |map: &MaskMap| match &carrying.listing {
                Some((schema, relation)) => map.origin_named(schema, relation, &column.label.to_lowercase()),
                None => map.origin_named(&column.schema, &column.table, &column.column),
            };
            // A column that whoever read the catalogue has no right to see.
            let hidden = input.strict && column.is_of_users() && carrying.listing.is_none();
            if let Some(map) = input.map {
                let traced = if carrying.carries {
                    let flow = carrying.output(index, columns.len());
                    flow.map_or(Origin::Unknown, |flow| map.shown(&flow))
                } else {
                    Origin::Clear
                };
                let said = match named(map) {
                    Some((label, said)) => {
                        origin = Some(label);
                        said
                    }
                    None if hidden => Origin::Unknown,
                    None => Origin::Clear,
                };
                shown = strictest(traced, said);
            }
            let searched = plan.detection.is_some() && is_searched(column.of);
            let Some(treatment) = Treatment::of(shown, &column.label, carrying.mask_all, searched) else {
                return Err(Untraceable(column.label.clone()));
            };
            let asked = input.opinions && treatment.masked().is_none() && is_searched(column.of);
            let bearing = input.bearers.of(|map| {
                let said = named(map).map(|(_, said)| said);
                let unnamed = if hidden { Origin::Unknown } else { Origin::Clear };
                let traced = carrying.borne(map, index, columns.len());
                strictest(traced, said.unwrap_or(unnamed))
            });
            let blank = matches!(treatment, Treatment::Blank(_));
            let subject = plan.blind.subject(bearing, blank);
            plan.asks |= asked;
            recorded.push(treatment.recorded(column.label.clone(), origin));
            plan.kinds.push(column.kind);
            let column = ColumnPlan {
                treatment,
                kind: column.kind,
                of: column.of,
                asked,
                subject,
            };
            plan.untouched &= column.passes();
            plan.columns.push(column);
        }
        plan.recorded = Arc::new(recorded);
        Ok(plan)
    }

    /// Whether rows pass as they are.
    pub(super) fn untouched(&self) -> bool {
        self.untouched
    }

    /// The columns, for the record.
    pub(super) fn recorded(&self) -> Arc<Vec<Column>> {
        Arc::clone(&self.recorded)
    }

    /// What it does not tell of whose data the rows are.
    pub(super) fn blind(&self) -> Blind {
        self.blind
    }

    /// Whether others are asked about texts in it.
    pub(super) fn asks(&self) -> bool {
        self.asks
    }

    /// Appends a row as the client may see it, but for the opinion of others. `text`: of a plain query.
    pub(super) fn show(
        &self,
        payload: &[u8],
        text: bool,
        sequence: &mut Sequence,
        out: &mut BytesMut,
        tally: &mut Tally,
    ) -> Result<(), WireError> {
        let mut scratch = std::mem::take(&mut tally.scratch);
        let written = self.rewrite(
            payload,
            text,
            sequence,
            out,
            &mut scratch,
            |plan, value, shown| {
                if let (Some(subject), Some(value)) = (&plan.subject, value) {
                    let row = tally.rows;
                    tally
                        .subjects
                        .note(subject, row, |text| identifier(plan.of, value, text));
                }
                let change = self.change(plan, value, shown, tally);
                tally.masked_cells += u64::from(change != Change::None);
                change
            },
        );
        tally.scratch = scratch;
        written
    }

    /// Appends a row that was shown, with what `detection` finds replaced. The number of cells that were changed.
    pub(super) fn answered(
        &self,
        payload: &[u8],
        text: bool,
        sequence: &mut Sequence,
        out: &mut BytesMut,
        detection: &Detection,
        mut on_hit: impl FnMut(&str),
    ) -> Result<u64, WireError> {
        let mut changed = 0;
        let scratch = &mut Scratch::default();
        self.rewrite(payload, text, sequence, out, scratch, |plan, value, shown| {
            let change = match value.filter(|_| plan.asked) {
                Some(value) => Change::of(detect(detection, plan.of, value, shown, &mut on_hit)),
                None => Change::None,
            };
            changed += u64::from(change != Change::None);
            change
        })?;
        Ok(changed)
    }

    /// Appends a row with each cell as `show` has it; that of a binary row is given its value as text.
    fn rewrite(
        &self,
        payload: &[u8],
        text: bool,
        sequence: &mut Sequence,
        out: &mut BytesMut,
        scratch: &mut Scratch,
        show: impl FnMut(&ColumnPlan, Option<&[u8]>, &mut BytesMut) -> Change,
    ) -> Result<(), WireError> {
        if text {
            self.rewrite_text(payload, sequence, out, &mut scratch.shown, show)
        } else {
            self.rewrite_binary(payload, sequence, out, scratch, show)
        }
    }

    fn rewrite_text(
        &self,
        payload: &[u8],
        sequence: &mut Sequence,
        out: &mut BytesMut,
        shown: &mut BytesMut,
        mut show: impl FnMut(&ColumnPlan, Option<&[u8]>, &mut BytesMut) -> Change,
    ) -> Result<(), WireError> {
        let row = TextRow::parse(payload, self.columns.len())?;
        let mut writer = TextRowWriter::new(sequence, out);
        let mut copied = 0;
        for (cell, plan) in row.located().zip(&self.columns) {
            if plan.passes() {
                continue;
            }
            shown.clear();
            let change = show(plan, cell.value, shown);
            if change == Change::None {
                continue;
            }
            writer.run(payload.get(copied..cell.range.start).unwrap_or_default())?;
            writer.cell((change == Change::Value).then_some(&shown[..]))?;
            copied = cell.range.end;
        }
        writer.run(payload.get(copied..).unwrap_or_default())?;
        writer.finish()
    }

    fn rewrite_binary(
        &self,
        payload: &[u8],
        sequence: &mut Sequence,
        out: &mut BytesMut,
        scratch: &mut Scratch,
        mut show: impl FnMut(&ColumnPlan, Option<&[u8]>, &mut BytesMut) -> Change,
    ) -> Result<(), WireError> {
        let row = BinaryRow::parse(payload, &self.kinds)?;
        let mut writer = BinaryRowWriter::new(self.columns.len(), sequence, out);
        let Scratch { text, shown } = scratch;
        for ((value, range), plan) in row.located().zip(&self.columns) {
            let mut change = Change::None;
            shown.clear();
            if !plan.passes() {
                text.clear();
                let given = match value {
                    Value::Bytes(bytes) => Some(bytes),
                    _ => value.write_text(plan.kind, text).then_some(&text[..]),
                };
                change = show(plan, given, shown);
            }
            match change {
                Change::None if value == Value::Null => writer.null(),
                Change::None => writer.run(row.encoded().get(range).unwrap_or_default())?,
                Change::Null => writer.null(),
                Change::Value => match Value::from_text(plan.kind, shown) {
                    Some(value) => writer.cell(plan.kind, &value)?,
                    // The type can't hold what the mask shows.
                    None => writer.null(),
                },
            }
        }
        writer.finish()
    }

    fn change(
        &self,
        plan: &ColumnPlan,
        value: Option<&[u8]>,
        shown: &mut BytesMut,
        tally: &mut Tally,
    ) -> Change {
        let masked = match (&plan.treatment, value) {
            (Treatment::Pass, _) | (Treatment::Mask(_) | Treatment::Detect, None) => return Change::None,
            (Treatment::Mask(masked), Some(value)) => {
                tally.count_masked(masked);
                mask(&masked.mask, plan.of, value, shown)
            }
            (Treatment::Blank(masked), _) => {
                tally.count_masked(masked);
                blank(plan.of, shown)
            }
            (Treatment::Detect, Some(value)) => {
                let Some(detection) = &self.detection else {
                    return Change::None;
                };
                return Change::of(detect(detection, plan.of, value, shown, |name| tally.count(name)));
            }
        };
        match masked {
            Masked::Value => Change::Value,
            Masked::Null => Change::Null,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Value,
    Null,
}

impl Change {
    const fn of(detected: Detected) -> Self {
        match detected {
            Detected::Clean => Self::None,
            Detected::Replaced => Self::Value,
            Detected::Null => Self::Null,
        }
    }
}

/// Of two answers to the same question the one that shows less.
fn strictest(traced: Origin, said: Origin) -> Origin {
    match (traced, said) {
        (Origin::Unknown, _) | (_, Origin::Unknown) => Origin::Unknown,
        (Origin::Derived(masked), _) | (_, Origin::Derived(masked)) => Origin::Derived(masked),
        // What the statement says names the column; what the server says may name another.
        (Origin::Masked(masked), _) | (Origin::Clear | Origin::Lifted, Origin::Masked(masked)) => {
            Origin::Masked(masked)
        }
        (Origin::Lifted, _) | (_, Origin::Lifted) => Origin::Lifted,
        (Origin::Clear, Origin::Clear) => Origin::Clear,
    }
}
