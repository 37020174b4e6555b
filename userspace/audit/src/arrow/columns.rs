//! Rows to Arrow columns, cell by cell as they come: nothing of a row is kept but what its columns hold.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder as _, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, GenericByteBuilder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::types::ByteArrayType;
use arrow_array::{ArrayRef, GenericByteArray, ListArray, MapArray, RecordBatch, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, SchemaRef};

use super::{ELEMENT, ENTRIES, entries, field, fields};
use crate::row::Row;
use crate::table::Table;
use crate::value::{Kind, Value};

/// The rows of one table that are to become one batch.
#[derive(Debug)]
pub(crate) struct Columns {
    table: Table,
    schema: SchemaRef,
    all: Vec<Column>,
    rows: usize,
    bytes: usize,
}

impl Columns {
    pub(crate) fn new(table: Table, schema: SchemaRef) -> Self {
        let columns = table.columns().iter();
        Self {
            table,
            schema,
            all: columns.map(|column| Column::new(&column.kind)).collect(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Rows since the last batch.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of texts and payloads since the last batch. Whoever fills columns ends a batch long before a column has 2 GiB, which is the
    /// most that it can have.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a row. After an error the columns are of no more use.
    pub(crate) fn push(&mut self, row: &Row) -> Result<(), ArrowError> {
        debug_assert_eq!(row.table, self.table, "a row of another table");
        let cells = row.values.iter().chain(std::iter::repeat(&Value::Null));
        for (column, cell) in self.all.iter_mut().zip(cells) {
            column.push(cell, &mut self.bytes)?;
        }
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    /// The rows so far as a batch; what comes begins the next.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        (self.rows, self.bytes) = (0, 0);
        let arrays = self.all.iter_mut().map(Column::finish);
        let arrays = arrays.collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }
}

/// Where each list's or map's elements end among all, and which lists are there at all.
#[derive(Debug)]
struct Runs {
    offsets: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Runs {
    fn new() -> Self {
        Self {
            offsets: vec![0],
            valid: NullBufferBuilder::new(0),
        }
    }

    fn push(&mut self, elements: Option<usize>) -> Result<(), ArrowError> {
        let last = self.offsets.last().copied().unwrap_or(0);
        let length = i32::try_from(elements.unwrap_or(0)).ok();
        let end = length.and_then(|length| last.checked_add(length));
        let end = end.ok_or_else(|| ArrowError::OffsetOverflowError(elements.unwrap_or(0)))?;
        self.offsets.push(end);
        self.valid.append(elements.is_some());
        Ok(())
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Option<arrow_buffer::NullBuffer>) {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        (
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            self.valid.finish(),
        )
    }
}

#[derive(Debug)]
enum Column {
    Bool(BooleanBuilder),
    Integer(Int64Builder),
    Time(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    Short(FixedSizeBinaryBuilder),
    Blob(BinaryBuilder),
    List {
        runs: Runs,
        elements: Box<Column>,
        field: FieldRef,
    },
    Map {
        runs: Runs,
        keys: StringBuilder,
        values: Box<Column>,
        entries: Fields,
        field: FieldRef,
    },
    Struct {
        valid: NullBufferBuilder,
        columns: Vec<(String, Column)>,
        fields: Fields,
    },
}

impl Column {
    fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Uuid => Self::Short(FixedSizeBinaryBuilder::new(16)),
            Kind::Bytes(size) => Self::Short(FixedSizeBinaryBuilder::new(*size)),
            Kind::Blob => Self::Blob(BinaryBuilder::new()),
            Kind::List(element) => Self::List {
                runs: Runs::new(),
                elements: Box::new(Self::new(element)),
                field: Arc::new(field(ELEMENT, element, true)),
            },
            Kind::Map(value) => {
                let entries = entries(value);
                let inner = DataType::Struct(entries.clone());
                Self::Map {
                    runs: Runs::new(),
                    keys: StringBuilder::new(),
                    values: Box::new(Self::new(value)),
                    entries,
                    field: Arc::new(Field::new(ENTRIES, inner, false)),
                }
            }
            Kind::Struct(kinds) => {
                let columns = kinds.iter().map(|(name, kind)| (name.clone(), Self::new(kind)));
                Self::Struct {
                    valid: NullBufferBuilder::new(0),
                    columns: columns.collect(),
                    fields: fields(kinds),
                }
            }
        }
    }

    /// Takes a cell. `bytes`: what it holds is added.
    fn push(&mut self, cell: &Value, bytes: &mut usize) -> Result<(), ArrowError> {
        match (self, cell) {
            (Self::Bool(column), Value::Bool(value)) => column.append_value(*value),
            (Self::Bool(column), Value::Null) => column.append_null(),
            (Self::Integer(column), Value::Integer(value)) => column.append_value(*value),
            (Self::Integer(column), Value::Null) => column.append_null(),
            (Self::Time(column), Value::Time(value)) => column.append_value(*value),
            (Self::Time(column), Value::Null) => column.append_null(),
            (Self::Text(column), Value::Text(text)) => {
                *bytes = bytes.saturating_add(text.len());
                column.append_value(text);
            }
            (Self::Text(column), Value::Null) => column.append_null(),
            (Self::Short(column), Value::Bytes(short)) => column.append_value(&**short)?,
            (Self::Short(column), Value::Null) => column.append_null(),
            (Self::Blob(column), Value::Blob(payload)) => {
                *bytes = bytes.saturating_add(payload.len());
                column.append_value(payload);
            }
            (Self::Blob(column), Value::Null) => column.append_null(),
            (Self::List { runs, .. } | Self::Map { runs, .. }, Value::Null) => runs.push(None)?,
            (Self::List { runs, elements, .. }, Value::List(values)) => {
                runs.push(Some(values.len()))?;
                for value in values {
                    elements.push(value, bytes)?;
                }
            }
            (
                Self::Map {
                    runs, keys, values, ..
                },
                Value::Map(pairs),
            ) => {
                runs.push(Some(pairs.len()))?;
                for (key, value) in pairs {
                    *bytes = bytes.saturating_add(key.len());
                    keys.append_value(key);
                    values.push(value, bytes)?;
                }
            }
            (Self::Struct { valid, columns, .. }, cell @ (Value::Struct(_) | Value::Null)) => {
                let given: &[_] = match cell {
                    Value::Struct(given) => given,
                    _ => &[],
                };
                valid.append(matches!(cell, Value::Struct(_)));
                for (name, column) in columns {
                    let cell = given.iter().find(|(of, _)| of == name);
                    column.push(cell.map_or(&Value::Null, |(_, value)| value), bytes)?;
                }
            }
            (column, cell) => {
                let what = format!("{cell:?} is no cell of {column:?}");
                return Err(ArrowError::InvalidArgumentError(what));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Bool(column) => Arc::new(column.finish()),
            Self::Integer(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::Text(column) => Arc::new(finish(column)),
            Self::Short(column) => Arc::new(column.finish()),
            Self::Blob(column) => Arc::new(finish(column)),
            Self::List {
                runs,
                elements,
                field,
            } => {
                let (offsets, valid) = runs.finish();
                let elements = elements.finish()?;
                Arc::new(ListArray::try_new(Arc::clone(field), offsets, elements, valid)?)
            }
            Self::Map {
                runs,
                keys,
                values,
                entries,
                field,
            } => {
                let (offsets, valid) = runs.finish();
                let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), values.finish()?];
                let rows = StructArray::try_new(entries.clone(), columns, None)?;
                Arc::new(MapArray::try_new(Arc::clone(field), offsets, rows, valid, false)?)
            }
            Self::Struct {
                valid,
                columns,
                fields,
            } => {
                let rows = valid.len();
                let arrays = columns.iter_mut().map(|(_, column)| column.finish());
                let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new_with_length(
                    fields.clone(),
                    arrays,
                    valid.finish(),
                    rows,
                )?)
            }
        })
    }
}

/// The column so far. What comes begins with as much room: the next batch is like this one, as a rule.
fn finish<T: ByteArrayType>(column: &mut GenericByteBuilder<T>) -> GenericByteArray<T> {
    let room = GenericByteBuilder::with_capacity(column.len(), column.values_slice().len());
    std::mem::replace(column, room).finish()
}
