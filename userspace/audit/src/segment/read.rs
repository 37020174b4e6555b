//! Reading segments back, row by row, bounded by a batch.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::{Array as _, FixedSizeBinaryArray, Int64Array, RecordBatch};
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowFilter,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use uuid::Uuid;

use crate::AuditError;
use crate::arrow;
use crate::value::{Hash, Value};

/// The rows of one file, in its order.
pub(crate) struct Rows {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    row: usize,
}

/// A row with the columns that its file has.
pub(crate) type Cells = Vec<(String, Value)>;

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, AuditError> {
    let file = File::open(path).map_err(AuditError::io("open", path))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(AuditError::segment("read", path))
}

/// The file's own metadata: ours by name, and the number of rows.
pub(crate) fn metadata(path: &Path) -> Result<(Vec<(String, String)>, i64), AuditError> {
    let builder = builder(path)?;
    let facts = builder.metadata().file_metadata();
    let ours = facts.key_value_metadata().into_iter().flatten();
    let ours = ours.filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)));
    Ok((
        ours.filter(|(name, _)| name.starts_with("interdict.")).collect(),
        facts.num_rows(),
    ))
}

/// The `seq` and `hash` of a file's rows: what recovery needs to know what is sealed.
pub(crate) fn chain(path: &Path) -> Result<Vec<(u64, Hash)>, AuditError> {
    let builder = builder(path)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["seq", "hash"]);
    let batches = builder
        .with_projection(mask)
        .build()
        .map_err(AuditError::segment("read", path))?;
    let mut links = Vec::new();
    for batch in batches {
        let batch = batch
            .map_err(ParquetError::from)
            .map_err(AuditError::segment("read", path))?;
        let seq = batch
            .column_by_name("seq")
            .and_then(|column| column.as_any().downcast_ref::<Int64Array>());
        let hash = batch
            .column_by_name("hash")
            .and_then(|column| column.as_any().downcast_ref::<FixedSizeBinaryArray>());
        let (Some(seq), Some(hash)) = (seq, hash) else {
            return Err(AuditError::damaged(path, "it has no seq and hash columns"));
        };
        for row in 0..batch.num_rows() {
            let link = u64::try_from(seq.value(row))
                .ok()
                .zip(hash.value(row).try_into().ok());
            links.push(link.ok_or_else(|| AuditError::damaged(path, "a seq or hash that is none"))?);
        }
    }
    Ok(links)
}

/// The columns of a file.
pub(crate) fn schema(path: &Path) -> Result<SchemaRef, AuditError> {
    Ok(builder(path)?.schema().clone())
}

/// How many row groups a file has.
pub(crate) fn groups(path: &Path) -> Result<usize, AuditError> {
    Ok(builder(path)?.metadata().num_row_groups())
}

/// One row group of a file, batch by batch.
pub(crate) struct Group {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
}

impl Group {
    pub(crate) fn open(path: &Path, group: usize) -> Result<Self, AuditError> {
        let batches = builder(path)?
            .with_row_groups(vec![group])
            .with_batch_size(4096)
            .build()
            .map_err(AuditError::segment("read", path))?;
        Ok(Self {
            path: path.to_owned(),
            batches,
        })
    }

    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, AuditError> {
        self.batches
            .next()
            .transpose()
            .map_err(|error| AuditError::segment("read", &self.path)(error.into()))
    }
}

/// Whether a session's rows may be in a row group, by the least and the greatest `session_id` in it.
fn may_hold(group: &RowGroupMetaData, session: Uuid) -> bool {
    let column = group
        .columns()
        .iter()
        .find(|column| column.column_path().string() == "session_id");
    let Some(statistics) = column.and_then(|column| column.statistics()) else {
        return true;
    };
    let (least, most) = (statistics.min_bytes_opt(), statistics.max_bytes_opt());
    least.is_none_or(|least| least <= session.as_bytes().as_slice())
        && most.is_none_or(|most| session.as_bytes().as_slice() <= most)
}

/// A reader of a session's rows: row groups by their statistics and Bloom filters, then rows by the one column, then the rest.
fn of_session(path: &Path, session: Uuid) -> Result<ParquetRecordBatchReaderBuilder<File>, AuditError> {
    let file = File::open(path).map_err(AuditError::io("open", path))?;
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(AuditError::segment("read", path))?;
    let leaves = builder.parquet_schema().columns();
    let Some(column) = leaves
        .iter()
        .position(|leaf| leaf.path().string() == "session_id")
    else {
        return Ok(builder);
    };
    let mut groups = Vec::new();
    for (index, group) in builder.metadata().row_groups().iter().enumerate() {
        if may_hold(group, session) {
            let filter = builder
                .get_row_group_column_bloom_filter(index, column)
                .map_err(AuditError::segment("read", path))?;
            if filter.is_none_or(|filter| filter.check(session.as_bytes().as_slice())) {
                groups.push(index);
            }
        }
    }
    let mask = ProjectionMask::leaves(builder.parquet_schema(), [column]);
    let is = ArrowPredicateFn::new(mask, move |batch: RecordBatch| {
        let ids = batch.column(0).as_any().downcast_ref::<FixedSizeBinaryArray>();
        Ok(match ids {
            Some(ids) => ids
                .iter()
                .map(|id| Some(id == Some(session.as_bytes().as_slice())))
                .collect(),
            // In a form that is not ours: whoever asked looks at the rows.
            None => std::iter::repeat_n(Some(true), batch.num_rows()).collect(),
        })
    });
    Ok(builder
        .with_row_groups(groups)
        .with_row_filter(RowFilter::new(vec![Box::new(is)])))
}

impl Rows {
    /// Opens a file. With a session, only its rows are read, and of others as little as possible.
    pub(crate) fn open(path: &Path, session: Option<Uuid>) -> Result<Self, AuditError> {
        let builder = match session {
            None => builder(path)?,
            Some(session) => of_session(path, session)?,
        };
        let batches = builder
            .with_batch_size(1024)
            .build()
            .map_err(AuditError::segment("read", path))?;
        Ok(Self {
            path: path.to_owned(),
            batches,
            batch: None,
            row: 0,
        })
    }

    fn step(&mut self) -> Result<Option<Cells>, AuditError> {
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.row < batch.num_rows()) {
                let schema = batch.schema_ref();
                let cells = schema
                    .fields()
                    .iter()
                    .zip(batch.columns())
                    .map(|(field, column)| Some((field.name().clone(), arrow::cell(column, self.row)?)));
                let cells = cells.collect::<Option<Cells>>();
                self.row = self.row.saturating_add(1);
                return cells
                    .map(Some)
                    .ok_or_else(|| AuditError::damaged(&self.path, "a column of an unknown type"));
            }
            match self.batches.next() {
                None => return Ok(None),
                Some(Ok(batch)) => (self.batch, self.row) = (Some(batch), 0),
                Some(Err(error)) => return Err(AuditError::segment("read", &self.path)(error.into())),
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Cells, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
