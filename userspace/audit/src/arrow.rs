//! Cells to Arrow arrays and back. Reading goes by the file's own schema, so that a segment written by another version
//! reads, and verifies, with every column it has.

use std::sync::Arc;

use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Int64Array, ListArray, MapArray,
    PrimitiveArray, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::extension::Uuid as UuidExtension;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::row::Row;
use crate::table::Table;
use crate::value::{Kind, Value};

/// A list's elements and a map's entries under the names that Parquet gives them.
const ELEMENT: &str = "element";
const ENTRIES: &str = "key_value";

/// The Arrow schema of a table.
pub(crate) fn schema(table: Table) -> SchemaRef {
    let required = |name: &str| matches!(name, "seq" | "previous_hash" | "hash");
    let fields = table
        .columns()
        .iter()
        .map(|column| field(column.name, &column.kind, !required(column.name)));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Rows, all of one table, as one batch.
pub(crate) fn batch(schema: &SchemaRef, table: Table, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let arrays = table.columns().iter().enumerate().map(|(index, column)| {
        let cells: Vec<&Value> = rows
            .iter()
            .map(|row| row.values.get(index).unwrap_or(&Value::Null))
            .collect();
        array(&column.kind, &cells)
    });
    RecordBatch::try_new(Arc::clone(schema), arrays.collect::<Result<_, _>>()?)
}

fn field(name: &str, kind: &Kind, nullable: bool) -> Field {
    let field = Field::new(name, data_type(kind), nullable);
    if *kind == Kind::Uuid {
        field.with_extension_type(UuidExtension)
    } else {
        field
    }
}

fn fields(kinds: &[(String, Kind)]) -> Fields {
    kinds.iter().map(|(name, kind)| field(name, kind, true)).collect()
}

fn entries(value: &Kind) -> Fields {
    Fields::from(vec![
        field("key", &Kind::Text, false),
        field("value", value, true),
    ])
}

fn data_type(kind: &Kind) -> DataType {
    match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Integer => DataType::Int64,
        Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Text => DataType::Utf8,
        Kind::Uuid => DataType::FixedSizeBinary(16),
        Kind::Bytes(size) => DataType::FixedSizeBinary(*size),
        Kind::Blob => DataType::Binary,
        Kind::List(element) => DataType::List(Arc::new(field(ELEMENT, element, true))),
        Kind::Map(value) => DataType::Map(
            Arc::new(Field::new(ENTRIES, DataType::Struct(entries(value)), false)),
            false,
        ),
        Kind::Struct(kinds) => DataType::Struct(fields(kinds)),
    }
}

fn mismatch(kind: &Kind) -> ArrowError {
    ArrowError::InvalidArgumentError(format!("a cell is not {kind:?}"))
}

/// One array of `kind` from cells that are of that kind or null.
fn array(kind: &Kind, cells: &[&Value]) -> Result<ArrayRef, ArrowError> {
    fn each<'a, T>(
        kind: &Kind,
        cells: &[&'a Value],
        take: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Vec<Option<T>>, ArrowError> {
        let one = |cell: &&'a Value| match take(cell) {
            None if **cell != Value::Null => Err(mismatch(kind)),
            value => Ok(value),
        };
        cells.iter().map(one).collect()
    }
    let nulls = || {
        cells
            .iter()
            .map(|cell| **cell != Value::Null)
            .collect::<NullBuffer>()
    };
    Ok(match kind {
        Kind::Bool => {
            let take = |cell: &Value| {
                if let Value::Bool(value) = cell {
                    Some(*value)
                } else {
                    None
                }
            };
            Arc::new(BooleanArray::from(each(kind, cells, take)?))
        }
        Kind::Integer => Arc::new(Int64Array::from(each(kind, cells, Value::as_integer)?)),
        Kind::Time => {
            let times =
                PrimitiveArray::<TimestampMicrosecondType>::from(each(kind, cells, Value::as_integer)?);
            Arc::new(times.with_timezone("UTC"))
        }
        Kind::Text => Arc::new(StringArray::from(each(kind, cells, Value::as_text)?)),
        Kind::Uuid | Kind::Bytes(_) => {
            let size = if let Kind::Bytes(size) = kind { *size } else { 16 };
            let bytes = each(kind, cells, Value::as_bytes)?.into_iter();
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, size)?)
        }
        Kind::Blob => Arc::new(BinaryArray::from(each(kind, cells, Value::as_bytes)?)),
        Kind::List(element) => {
            let lists = each(kind, cells, |cell| {
                if let Value::List(values) = cell {
                    Some(values)
                } else {
                    None
                }
            })?;
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.map_or(0, Vec::len)));
            let flat: Vec<&Value> = lists.into_iter().flatten().flatten().collect();
            let field = Arc::new(field(ELEMENT, element, true));
            Arc::new(ListArray::try_new(
                field,
                offsets,
                array(element, &flat)?,
                Some(nulls()),
            )?)
        }
        Kind::Map(value) => {
            let maps = each(kind, cells, |cell| {
                if let Value::Map(entries) = cell {
                    Some(entries)
                } else {
                    None
                }
            })?;
            let offsets = OffsetBuffer::from_lengths(maps.iter().map(|map| map.map_or(0, Vec::len)));
            let flat: Vec<&(String, Value)> = maps.into_iter().flatten().flatten().collect();
            let keys: ArrayRef = Arc::new(StringArray::from_iter_values(flat.iter().map(|(key, _)| key)));
            let values = array(value, &flat.iter().map(|(_, value)| value).collect::<Vec<_>>())?;
            let rows = StructArray::try_new(entries(value), vec![keys, values], None)?;
            let field = Arc::new(Field::new(ENTRIES, rows.data_type().clone(), false));
            Arc::new(MapArray::try_new(field, offsets, rows, Some(nulls()), false)?)
        }
        Kind::Struct(kinds) => {
            let arrays = kinds.iter().map(|(name, kind)| {
                let pick = |cell: &&'_ Value| match cell {
                    Value::Struct(fields) => fields
                        .iter()
                        .find(|(field, _)| field == name)
                        .map(|(_, value)| value.clone()),
                    _ => None,
                };
                let inner: Vec<Value> = cells
                    .iter()
                    .map(|cell| pick(cell).unwrap_or(Value::Null))
                    .collect();
                array(kind, &inner.iter().collect::<Vec<_>>())
            });
            Arc::new(StructArray::try_new(
                fields(kinds),
                arrays.collect::<Result<_, _>>()?,
                Some(nulls()),
            )?)
        }
    })
}

/// One cell of an array, by the array's own type. `None` if no version writes such a type.
pub(crate) fn cell(array: &dyn Array, row: usize) -> Option<Value> {
    fn down<T: 'static>(array: &dyn Array) -> Option<&T> {
        array.as_any().downcast_ref::<T>()
    }
    if row >= array.len() {
        return None;
    }
    if array.is_null(row) {
        return Some(Value::Null);
    }
    Some(match array.data_type() {
        DataType::Boolean => Value::Bool(down::<BooleanArray>(array)?.value(row)),
        DataType::Int64 => Value::Integer(down::<Int64Array>(array)?.value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Value::Time(down::<PrimitiveArray<TimestampMicrosecondType>>(array)?.value(row))
        }
        DataType::Utf8 => Value::Text(down::<StringArray>(array)?.value(row).to_owned()),
        DataType::FixedSizeBinary(_) => {
            Value::Bytes(down::<FixedSizeBinaryArray>(array)?.value(row).to_vec())
        }
        DataType::Binary => Value::Blob(down::<BinaryArray>(array)?.value(row).to_vec()),
        DataType::List(_) => {
            let values = down::<ListArray>(array)?.value(row);
            Value::List(
                (0..values.len())
                    .map(|index| cell(&values, index))
                    .collect::<Option<_>>()?,
            )
        }
        DataType::Map(..) => {
            let entries = down::<MapArray>(array)?.value(row);
            let keys = entries
                .column_by_name("key")
                .or_else(|| entries.columns().first())?;
            let keys = down::<StringArray>(keys)?;
            let values = entries.columns().get(1)?;
            let one = |index| Some((keys.value(index).to_owned(), cell(values, index)?));
            Value::Map((0..entries.len()).map(one).collect::<Option<_>>()?)
        }
        DataType::Struct(fields) => {
            let columns = down::<StructArray>(array)?.columns();
            let one =
                |(field, column): (&Arc<Field>, &ArrayRef)| Some((field.name().clone(), cell(column, row)?));
            Value::Struct(fields.iter().zip(columns).map(one).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
