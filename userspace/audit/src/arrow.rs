//! Arrow's types for ours, and cells read back. Reading goes by the file's own schema, so that a segment written by another version
//! reads, and verifies, with every column it has.

pub(crate) mod columns;

use std::sync::Arc;

use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Int64Array, ListArray, MapArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow_schema::extension::Uuid as UuidExtension;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use crate::table::Table;
use crate::value::{Kind, Name, Short, Value};

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
            Value::Bytes(Short::new(down::<FixedSizeBinaryArray>(array)?.value(row))?)
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
            let one = |index| Some((Name::Owned(keys.value(index).to_owned()), cell(values, index)?));
            Value::Map((0..entries.len()).map(one).collect::<Option<_>>()?)
        }
        DataType::Struct(fields) => {
            let columns = down::<StructArray>(array)?.columns();
            let one = |(field, column): (&Arc<Field>, &ArrayRef)| {
                Some((Name::Owned(field.name().clone()), cell(column, row)?))
            };
            Value::Struct(fields.iter().zip(columns).map(one).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
