//! Rows' hashes straight from Arrow's columns: the bytes of `canonical`, without a value of our own in between.

use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{
    Array, BinaryArray, BooleanArray, FixedSizeBinaryArray, Int64Array, ListArray, MapArray, PrimitiveArray,
    RecordBatch, StringArray, StructArray,
};
use arrow_schema::{DataType, TimeUnit};
use sha2::{Digest as _, Sha256};

use crate::canonical::{self, BOOL, INTEGER, LIST, MAP, NULL, STRUCT, TEXT, TIME, bytes, length, text};
use crate::table::Table;
use crate::value::Hash;

/// A batch's columns in the order in which they are hashed.
pub(crate) struct Columns<'a> {
    table: Table,
    /// But for `hash`, ascending by name.
    ordered: Vec<(&'a str, Column<'a>)>,
    seq: Option<&'a Int64Array>,
    previous: Option<&'a FixedSizeBinaryArray>,
    hash: Option<&'a FixedSizeBinaryArray>,
    at: Option<&'a PrimitiveArray<TimestampMicrosecondType>>,
}

enum Column<'a> {
    Bool(&'a BooleanArray),
    Integer(&'a Int64Array),
    Time(&'a PrimitiveArray<TimestampMicrosecondType>),
    Text(&'a StringArray),
    Fixed(&'a FixedSizeBinaryArray),
    Binary(&'a BinaryArray),
    List(&'a ListArray, Box<Column<'a>>),
    Map(&'a MapArray, &'a StringArray, Box<Column<'a>>),
    Struct(&'a StructArray, Vec<(&'a str, Column<'a>)>),
}

fn down<T: 'static>(array: &dyn Array) -> Option<&T> {
    array.as_any().downcast_ref::<T>()
}

impl<'a> Columns<'a> {
    /// `None` where a column has a type that no version writes.
    pub(crate) fn new(table: Table, batch: &'a RecordBatch) -> Option<Self> {
        let get = |name: &str| batch.column_by_name(name).map(|array| &**array);
        let mut columns = Vec::new();
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if field.name() != "hash" {
                columns.push((field.name().as_str(), Column::new(&**array)?));
            }
        }
        columns.sort_by_key(|(name, _)| *name);
        Some(Self {
            table,
            ordered: columns,
            seq: get("seq").and_then(down),
            previous: get("previous_hash").and_then(down),
            hash: get("hash").and_then(down),
            at: get(table.time_column()).and_then(down),
        })
    }

    /// The hash of a row's cells.
    pub(crate) fn hash(&self, row: usize, scratch: &mut Vec<u8>) -> Hash {
        canonical::begin(self.table.name(), scratch);
        fields(&self.ordered, row, scratch);
        Sha256::digest(&*scratch).into()
    }

    /// `seq`, `previous_hash` and `hash` of a row.
    pub(crate) fn link(&self, row: usize) -> Option<(u64, Hash, Hash)> {
        let of = |column: Option<&FixedSizeBinaryArray>| {
            let column = column.filter(|column| column.is_valid(row))?;
            Hash::try_from(column.value(row)).ok()
        };
        let seq = self.seq.filter(|seq| seq.is_valid(row))?.value(row);
        Some((u64::try_from(seq).ok()?, of(self.previous)?, of(self.hash)?))
    }

    /// The time that decides a row's day.
    pub(crate) fn at(&self, row: usize) -> Option<i64> {
        self.at.filter(|at| at.is_valid(row)).map(|at| at.value(row))
    }
}

/// Those that are not null, their count in front.
fn fields(columns: &[(&str, Column<'_>)], row: usize, out: &mut Vec<u8>) {
    canonical::counted(out, |out| {
        let mut count: u32 = 0;
        for (name, column) in columns {
            if column.is_valid(row) {
                count = count.saturating_add(1);
                text(name, out);
                column.write(row, out);
            }
        }
        count
    });
}

impl<'a> Column<'a> {
    fn new(array: &'a dyn Array) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Bool(down(array)?),
            DataType::Int64 => Self::Integer(down(array)?),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Time(down(array)?),
            DataType::Utf8 => Self::Text(down(array)?),
            DataType::FixedSizeBinary(_) => Self::Fixed(down(array)?),
            DataType::Binary => Self::Binary(down(array)?),
            DataType::List(_) => {
                let list: &ListArray = down(array)?;
                Self::List(list, Box::new(Self::new(&**list.values())?))
            }
            DataType::Map(..) => {
                let map: &MapArray = down(array)?;
                Self::Map(map, down(&**map.keys())?, Box::new(Self::new(&**map.values())?))
            }
            DataType::Struct(_) => {
                let inner: &StructArray = down(array)?;
                let names = inner.fields().iter().map(|field| field.name().as_str());
                let mut fields = Vec::new();
                for (name, column) in names.zip(inner.columns()) {
                    fields.push((name, Self::new(&**column)?));
                }
                fields.sort_by_key(|(name, _)| *name);
                Self::Struct(inner, fields)
            }
            _ => return None,
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Bool(array) => *array,
            Self::Integer(array) => *array,
            Self::Time(array) => *array,
            Self::Text(array) => *array,
            Self::Fixed(array) => *array,
            Self::Binary(array) => *array,
            Self::List(array, _) => *array,
            Self::Map(array, ..) => *array,
            Self::Struct(array, _) => *array,
        }
    }

    fn is_valid(&self, row: usize) -> bool {
        row < self.array().len() && self.array().is_valid(row)
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if !self.is_valid(row) {
            out.push(NULL);
            return;
        }
        match self {
            Self::Bool(array) => out.extend_from_slice(&[BOOL, u8::from(array.value(row))]),
            Self::Integer(array) => {
                out.push(INTEGER);
                out.extend_from_slice(&array.value(row).to_be_bytes());
            }
            Self::Time(array) => {
                out.push(TIME);
                out.extend_from_slice(&array.value(row).to_be_bytes());
            }
            Self::Text(array) => {
                out.push(TEXT);
                text(array.value(row), out);
            }
            Self::Fixed(array) => bytes(array.value(row), out),
            Self::Binary(array) => bytes(array.value(row), out),
            Self::List(array, inner) => {
                let range = span(array.value_offsets(), row);
                out.push(LIST);
                length(range.len(), out);
                for index in range {
                    inner.write(index, out);
                }
            }
            Self::Map(array, keys, inner) => {
                let mut places: Vec<usize> = span(array.value_offsets(), row).collect();
                places.sort_by_key(|place| keys.value(*place));
                out.push(MAP);
                length(places.len(), out);
                for place in places {
                    text(keys.value(place), out);
                    inner.write(place, out);
                }
            }
            Self::Struct(_, columns) => {
                out.push(STRUCT);
                fields(columns, row, out);
            }
        }
    }
}

/// The elements of a row's list among all of the column's.
fn span(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| {
        let offset = offsets.get(index).copied().unwrap_or_default();
        usize::try_from(offset).unwrap_or_default()
    };
    at(row)..at(row.saturating_add(1))
}

#[cfg(test)]
mod tests;
