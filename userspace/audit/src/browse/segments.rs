//! Finding rows in segments: numbers and deciding columns first, the rest of a row only where it is shown.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use arrow_array::{Array as _, Int64Array, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use serde_json::{Map, Value as Json};

use super::{Order, Place, Query, object};
use crate::segment::Segment;
use crate::segment::read::Cells;
use crate::value::Value;
use crate::{AuditError, arrow};

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, AuditError> {
    let file = File::open(path).map_err(AuditError::io("open", path))?;
    // Pages that are not wanted are not even decompressed.
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(AuditError::segment("read", path))
}

/// Little-endian, as Parquet's plain encoding has them.
fn integer(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_le_bytes)
}

/// The smallest and largest value of a column in a row group, where they are told.
fn bounds<'a>(group: &'a RowGroupMetaData, column: &str) -> Option<(&'a [u8], &'a [u8])> {
    let chunk = group
        .columns()
        .iter()
        .find(|chunk| chunk.column_path().string() == column)?;
    let told = chunk.statistics()?;
    told.min_bytes_opt().zip(told.max_bytes_opt())
}

fn integers(group: &RowGroupMetaData, column: &str) -> Option<(i64, i64)> {
    let (least, most) = bounds(group, column)?;
    integer(least).zip(integer(most))
}

/// Whether a row group may hold something that matches.
fn may_hold(group: &RowGroupMetaData, query: &Query) -> bool {
    let time = query.table.time_column();
    let in_time = integers(group, time).is_none_or(|(least, most)| {
        query.from.is_none_or(|from| most >= from) && query.until.is_none_or(|until| least < until)
    });
    let of_session = query.session_id.is_none_or(|id| {
        bounds(group, "session_id")
            .is_none_or(|(least, most)| least <= id.as_bytes().as_slice() && id.as_bytes().as_slice() <= most)
    });
    in_time && of_session
}

/// Tells `take` of every row that matches; it answers with the rank from which on rows are of no more use. Gives the rank from which on
/// nothing was looked at because the time was over; with `first`, at least one row group is.
pub(super) fn search(
    path: &Path,
    query: &Query,
    deadline: Instant,
    first: bool,
    take: &mut impl FnMut(u64, usize, usize) -> Option<u64>,
) -> Result<Option<u64>, AuditError> {
    let footer = open(path)?;
    let metadata = footer.metadata().clone();
    let mut groups: Vec<(u64, usize)> = Vec::new();
    for (index, group) in metadata.row_groups().iter().enumerate() {
        if may_hold(group, query) {
            let (first, last) = integers(group, "seq").unwrap_or((0, i64::MAX));
            groups.push((query.best(first.max(0) as u64, last.max(0) as u64), index));
        }
    }
    groups.sort_unstable();
    let deciding = query.deciding();
    let mut enough = None;
    for (position, (best, group)) in groups.into_iter().enumerate() {
        if enough.is_some_and(|worst| worst < best) {
            break;
        }
        if Instant::now() >= deadline && !(first && position == 0) {
            return Ok(Some(best));
        }
        let builder = open(path)?;
        let wanted = deciding.iter().copied().chain(["seq"]);
        let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
        let batches = builder
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(8192)
            .build()
            .map_err(AuditError::segment("read", path))?;
        let mut at: usize = 0;
        for batch in batches {
            let batch = batch
                .map_err(ParquetError::from)
                .map_err(AuditError::segment("read", path))?;
            enough = matching(&batch, query, group, at, take).or(enough);
            at = at.saturating_add(batch.num_rows());
        }
    }
    Ok(None)
}

fn matching(
    batch: &RecordBatch,
    query: &Query,
    group: usize,
    at: usize,
    take: &mut impl FnMut(u64, usize, usize) -> Option<u64>,
) -> Option<u64> {
    let seq = batch
        .column_by_name("seq")
        .and_then(|column| column.as_any().downcast_ref::<Int64Array>())?;
    let decides = !query.deciding().is_empty();
    let mut enough = None;
    let rows = batch.num_rows();
    for step in 0..rows {
        // From the end where the newest are wanted: the others are then of no use, and not looked at.
        let row = match query.order {
            Order::Newest => rows.saturating_sub(step).saturating_sub(1),
            Order::Oldest => step,
        };
        let Ok(number) = u64::try_from(seq.value(row)) else {
            continue;
        };
        if query.is_past(number) || enough.is_some_and(|worst| worst < query.rank(number)) {
            continue;
        }
        let cell = |name: &str| -> Option<Value> { arrow::cell(batch.column_by_name(name)?, row) };
        if !decides || query.holds(cell) {
            enough = take(number, group, at.saturating_add(row));
        }
    }
    enough
}

/// Reads the rows at these places.
pub(super) fn fetch(
    segments: &[Segment],
    places: BTreeMap<u64, Place>,
    columns: &[&str],
    problems: &mut Vec<String>,
) -> Vec<Map<String, Json>> {
    let mut rows: BTreeMap<u64, Map<String, Json>> = BTreeMap::new();
    let mut wanted: BTreeMap<(usize, usize), Vec<(usize, u64)>> = BTreeMap::new();
    for (rank, place) in places {
        match place {
            Place::Tail(cells) => drop(rows.insert(rank, object(cells, columns))),
            Place::Segment { segment, group, row } => {
                wanted.entry((segment, group)).or_default().push((row, rank));
            }
        }
    }
    for ((segment, group), mut list) in wanted {
        let Some(segment) = segments.get(segment) else {
            continue;
        };
        list.sort_unstable();
        match read(&segment.path, group, &list, columns) {
            Ok(read) => rows.extend(
                list.iter()
                    .zip(read)
                    .map(|((_, rank), cells)| (*rank, object(cells, columns))),
            ),
            Err(error) => problems.push(error.to_string()),
        }
    }
    rows.into_values().collect()
}

/// `list` is in the order of the rows.
fn read(
    path: &Path,
    group: usize,
    list: &[(usize, u64)],
    columns: &[&str],
) -> Result<Vec<Cells>, AuditError> {
    let builder = open(path)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let mut selection = Vec::with_capacity(list.len().saturating_mul(2));
    let mut at: usize = 0;
    for (row, _) in list {
        selection.push(RowSelector::skip(row.saturating_sub(at)));
        selection.push(RowSelector::select(1));
        at = row.saturating_add(1);
    }
    let batches = builder
        .with_row_groups(vec![group])
        .with_row_selection(RowSelection::from(selection))
        .with_projection(mask)
        .build()
        .map_err(AuditError::segment("read", path))?;
    let mut rows = Vec::with_capacity(list.len());
    for batch in batches {
        let batch = batch
            .map_err(ParquetError::from)
            .map_err(AuditError::segment("read", path))?;
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let cells = schema
                .fields()
                .iter()
                .zip(batch.columns())
                .map(|(field, column)| Some((field.name().clone(), arrow::cell(column, row)?)));
            let cells = cells.collect::<Option<Cells>>();
            rows.push(cells.ok_or_else(|| AuditError::damaged(path, "a column of an unknown type"))?);
        }
    }
    Ok(rows)
}
