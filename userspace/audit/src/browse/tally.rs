//! Statements counted by minute.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array as _, PrimitiveArray, StringArray};
use interdict_record::Micros;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use crate::AuditError;
use crate::row::Row;

const MINUTE: Micros = 60_000_000;

/// By the minute's beginning, in microseconds since the Unix epoch, then by decision.
pub(super) type Minutes = BTreeMap<Micros, BTreeMap<String, u64>>;

/// How many statements there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// By the minute's beginning, in microseconds since the Unix epoch, then by decision.
    pub minutes: BTreeMap<Micros, BTreeMap<String, u64>>,
    /// Everything was counted.
    pub whole: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            minutes: BTreeMap::new(),
            whole: true,
        }
    }
}

fn count(minutes: &mut Minutes, minute: Micros, decision: &str, more: u64) {
    let counts = minutes.entry(minute).or_default();
    // Without a copy of the name for every statement.
    if let Some(count) = counts.get_mut(decision) {
        *count = count.saturating_add(more);
    } else {
        counts.insert(decision.to_owned(), more);
    }
}

pub(super) fn minute(at: Micros) -> Micros {
    at.saturating_sub(at.rem_euclid(MINUTE))
}

impl Tally {
    pub(super) fn add_rows<'a>(&mut self, rows: impl Iterator<Item = &'a Row>, from: Micros) {
        for row in rows.filter(|row| row.at >= from) {
            let decision = row.get("decision").as_text().unwrap_or_default();
            count(&mut self.minutes, minute(row.at), decision, 1);
        }
    }

    pub(super) fn add(&mut self, minutes: &Minutes, from: Micros) {
        for (minute, counts) in minutes.range(from..) {
            for (decision, more) in counts {
                count(&mut self.minutes, *minute, decision, *more);
            }
        }
    }
}

/// The whole of a segment, which never changes.
pub(super) fn of_segment(path: &Path) -> Result<Minutes, AuditError> {
    let file = File::open(path).map_err(AuditError::io("open", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(AuditError::segment("read", path))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["requested_at", "decision"]);
    let batches = builder
        .with_projection(mask)
        .with_batch_size(8192)
        .build()
        .map_err(AuditError::segment("read", path))?;
    let mut minutes = Minutes::new();
    for batch in batches {
        let batch = batch
            .map_err(ParquetError::from)
            .map_err(AuditError::segment("read", path))?;
        let at = batch.column_by_name("requested_at").and_then(|column| {
            column
                .as_any()
                .downcast_ref::<PrimitiveArray<TimestampMicrosecondType>>()
        });
        let decisions = batch
            .column_by_name("decision")
            .and_then(|column| column.as_any().downcast_ref::<StringArray>());
        let (Some(at), Some(decisions)) = (at, decisions) else {
            return Err(AuditError::damaged(path, "it lacks a column"));
        };
        for (at, decision) in at.iter().zip(decisions) {
            if let Some(at) = at {
                count(&mut minutes, minute(at), decision.unwrap_or_default(), 1);
            }
        }
    }
    Ok(minutes)
}
