//! The bytes a row's hash is taken over. Specified byte by byte in `docs/audit.md`; never change what a version means.
//!
//! Null columns are left out and the rest is ordered by name, so a column that a later version adds changes no hash of
//! an earlier row.

use sha2::{Digest as _, Sha256};

use crate::table::Table;
use crate::value::{Hash, Name, Value};

/// What the encoding starts with. The digit is the version.
const PREFIX: &[u8] = b"interdict-audit-row-1\0";

/// What the first row of a table has for `previous_hash`.
pub(crate) const GENESIS: Hash = [0; 32];

pub(crate) const NULL: u8 = 0;
pub(crate) const BOOL: u8 = 1;
pub(crate) const INTEGER: u8 = 2;
pub(crate) const TIME: u8 = 3;
pub(crate) const TEXT: u8 = 4;
pub(crate) const BYTES: u8 = 5;
pub(crate) const LIST: u8 = 6;
pub(crate) const MAP: u8 = 7;
pub(crate) const STRUCT: u8 = 8;

/// Bytes from which a payload is hashed where it lies instead of from the row's encoding.
const LONG: usize = 4096;

/// What is part of the encoding, and is not copied there: payloads, each with the place where it belongs.
type Long<'v> = Vec<(usize, &'v [u8])>;

/// The hash of a row: its cells in the order of the table's columns, of which `hash` may be missing. `scratch` is overwritten.
pub(crate) fn hash(table: Table, cells: &[Value], scratch: &mut Vec<u8>) -> Hash {
    let long = encode(table, cells, scratch);
    let (mut sum, mut from) = (Sha256::new(), 0);
    for (place, payload) in long {
        sum.update(scratch.get(from..place).unwrap_or_default());
        sum.update(payload);
        from = place;
    }
    sum.update(scratch.get(from..).unwrap_or_default());
    sum.finalize().into()
}

/// The bytes of a row, but for those that it gives.
fn encode<'v>(table: Table, cells: &'v [Value], out: &mut Vec<u8>) -> Long<'v> {
    begin(table.name(), out);
    let ordered = table.ordered().iter().filter(|(name, _)| *name != "hash");
    let cells = ordered.filter_map(|(name, index)| Some((*name, cells.get(*index)?)));
    let mut long = Vec::new();
    ordered_fields(cells, out, &mut long);
    long
}

pub(crate) fn length(length: usize, out: &mut Vec<u8>) {
    // A cell of 4 GiB can't be: the journal takes no entry that large.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

pub(crate) fn text(value: &str, out: &mut Vec<u8>) {
    length(value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

/// What every row's bytes begin with. `out` is overwritten.
pub(crate) fn begin(table: &str, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(PREFIX);
    text(table, out);
}

/// What `write` appends, with the number in front that it gives: how many there were is known behind them.
pub(crate) fn counted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> u32) {
    let place = out.len();
    length(0, out);
    let count = write(out);
    if let Some(room) = out.get_mut(place..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        *room = count.to_be_bytes();
    }
}

/// Entries that are in the order of their names already; nulls are left out.
fn ordered_fields<'v>(
    entries: impl Iterator<Item = (&'v str, &'v Value)>,
    out: &mut Vec<u8>,
    long: &mut Long<'v>,
) {
    counted(out, |out| {
        let mut count: u32 = 0;
        for (name, value) in entries.filter(|(_, value)| **value != Value::Null) {
            count = count.saturating_add(1);
            text(name, out);
            cell(value, out, long);
        }
        count
    });
}

/// Names with values: nulls left out, ascending by the bytes of the name, the count in front.
fn fields<'v>(entries: &'v [(Name, Value)], out: &mut Vec<u8>, long: &mut Long<'v>) {
    if entries.is_sorted_by_key(|(name, _)| name) {
        ordered_fields(entries.iter().map(|(name, value)| (&**name, value)), out, long);
    } else {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(name, _)| name);
        let entries = entries.into_iter().map(|(name, value)| (&**name, value));
        ordered_fields(entries, out, long);
    }
}

pub(crate) fn bytes(value: &[u8], out: &mut Vec<u8>) {
    out.push(BYTES);
    length(value.len(), out);
    out.extend_from_slice(value);
}

fn cell<'v>(value: &'v Value, out: &mut Vec<u8>, long: &mut Long<'v>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(value) => out.extend_from_slice(&[BOOL, u8::from(*value)]),
        Value::Integer(value) => {
            out.push(INTEGER);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Time(value) => {
            out.push(TIME);
            out.extend_from_slice(&value.to_be_bytes());
        }
        Value::Text(value) => {
            out.push(TEXT);
            text(value, out);
        }
        Value::Bytes(value) => bytes(value, out),
        Value::Blob(value) if value.len() < LONG => bytes(value, out),
        Value::Blob(value) => {
            out.push(BYTES);
            length(value.len(), out);
            long.push((out.len(), value));
        }
        Value::List(values) => {
            out.push(LIST);
            length(values.len(), out);
            for value in values {
                cell(value, out, long);
            }
        }
        Value::Map(entries) => {
            out.push(MAP);
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| key);
            length(entries.len(), out);
            for (key, value) in entries {
                text(key, out);
                cell(value, out, long);
            }
        }
        Value::Struct(entries) => {
            out.push(STRUCT);
            fields(entries, out, long);
        }
    }
}

#[cfg(test)]
mod tests;
