use proptest::prelude::*;

use super::*;
use crate::value::Short;

/// A second reading of the specification, only for the tests: bytes back to a row. That it gives the row back for every
/// row means that no two rows have the same bytes.
fn decode(mut bytes: &[u8]) -> Option<(String, Vec<(Name, Value)>)> {
    bytes = bytes.strip_prefix(PREFIX)?;
    let table = take_text(&mut bytes)?;
    let columns = take_fields(&mut bytes)?;
    bytes.is_empty().then_some((table, columns))
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(head)
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    Some(u32::from_be_bytes(take(bytes, 4)?.try_into().ok()?) as usize)
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = take_length(bytes)?;
    String::from_utf8(take(bytes, length)?.to_vec()).ok()
}

fn take_fields(bytes: &mut &[u8]) -> Option<Vec<(Name, Value)>> {
    let count = take_length(bytes)?;
    (0..count)
        .map(|_| Some((take_text(bytes)?.into(), take_cell(bytes)?)))
        .collect()
}

fn take_cell(bytes: &mut &[u8]) -> Option<Value> {
    let number = |bytes: &mut &[u8]| Some(i64::from_be_bytes(take(bytes, 8)?.try_into().ok()?));
    Some(match take(bytes, 1)?[0] {
        NULL => Value::Null,
        BOOL => Value::Bool(take(bytes, 1)?[0] == 1),
        INTEGER => Value::Integer(number(bytes)?),
        TIME => Value::Time(number(bytes)?),
        TEXT => Value::Text(take_text(bytes)?),
        BYTES => {
            let length = take_length(bytes)?;
            Value::Bytes(Short::new(take(bytes, length)?)?)
        }
        LIST => {
            let count = take_length(bytes)?;
            Value::List((0..count).map(|_| take_cell(bytes)).collect::<Option<_>>()?)
        }
        MAP => Value::Map(take_fields(bytes)?),
        STRUCT => Value::Struct(take_fields(bytes)?),
        _ => return None,
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        any::<i64>().prop_map(Value::Time),
        ".{0,12}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..=Short::MOST)
            .prop_map(|bytes| Value::Bytes(Short::new(&bytes).unwrap())),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        let keyed = || prop::collection::btree_map("[a-c]{0,3}".prop_map(Name::from), inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(prop_oneof![1 => Just(Value::Null), 4 => inner.clone()], 0..4)
                .prop_map(Value::List),
            keyed().prop_map(|map| Value::Map(map.into_iter().collect())),
            keyed().prop_map(|map| Value::Struct(map.into_iter().collect())),
        ]
    })
}

/// The bytes of a row of any columns.
fn row_bytes(table: &str, row: &[(Name, Value)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    begin(table, &mut bytes);
    fields(row, &mut bytes, &mut Vec::new());
    bytes
}

fn row(cell: impl Strategy<Value = Value>) -> impl Strategy<Value = Vec<(Name, Value)>> {
    prop::collection::btree_map("[a-g_]{1,4}".prop_map(Name::from), cell, 0..8)
        .prop_map(|row| row.into_iter().collect())
}

proptest! {
    #[test]
    fn no_two_rows_have_the_same_bytes(table in "[a-z]{1,8}", row in row(value())) {
        prop_assert_eq!(decode(&row_bytes(&table, &row)), Some((table, row)));
    }

    #[test]
    fn the_order_of_columns_and_null_columns_do_not_matter(mut row in row(scalar())) {
        let one = row_bytes("t", &row);
        row.reverse();
        row.push(("zz_new".into(), Value::Null));
        prop_assert_eq!(one, row_bytes("t", &row));
    }
}

/// The example of `docs/audit.md`. If this fails, every row ever written fails to verify.
#[test]
fn the_published_example() {
    let cells = [
        ("hash", Value::from([9; 32])),
        (
            "detail",
            Value::Map(vec![("k".into(), Value::Text("v".to_owned()))]),
        ),
        ("host", Value::Text("a".to_owned())),
        ("at", Value::Time(2)),
        ("seq", Value::Integer(1)),
    ];
    let mut row = vec![Value::Null; Table::Admin.columns().len()];
    for (name, value) in cells {
        row[Table::Admin.index_of(name).unwrap()] = value;
    }
    let mut bytes = Vec::new();
    let hash = hash(Table::Admin, &row, &mut bytes);
    let expected = b"interdict-audit-row-1\0\0\0\0\x05admin\0\0\0\x04\
        \0\0\0\x02at\x03\0\0\0\0\0\0\0\x02\
        \0\0\0\x06detail\x07\0\0\0\x01\0\0\0\x01k\x04\0\0\0\x01v\
        \0\0\0\x04host\x04\0\0\0\x01a\
        \0\0\0\x03seq\x02\0\0\0\0\0\0\0\x01";
    assert_eq!(bytes, expected);
    assert_eq!(
        hex::encode(hash),
        "3df26236545a6d2fd7a1f7f3e351565fd1c6c6253de752816bec11773b57250b"
    );
}

/// A payload is hashed as what it is, however long.
#[test]
fn long_payloads_are_hashed_where_they_lie() {
    let hash_of = |payload: &[u8]| {
        let mut row = vec![Value::Null; Table::Frames.columns().len()];
        row[Table::Frames.index_of("payload").unwrap()] = Value::Blob(payload.to_vec());
        row[Table::Frames.index_of("seq").unwrap()] = Value::Integer(7);
        let mut bytes = Vec::new();
        (hash(Table::Frames, &row, &mut bytes), bytes)
    };
    let (_, short) = hash_of(b"abc");
    let cell = b"\x05\0\0\0\x03abc";
    let place = short.windows(cell.len()).position(|bytes| bytes == cell).unwrap();
    for length in [0, 1, LONG - 1, LONG, 3 * LONG] {
        let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
        let mut bytes = short[..place].to_vec();
        bytes.push(BYTES);
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
        bytes.extend_from_slice(&payload);
        bytes.extend_from_slice(&short[place + cell.len()..]);
        assert_eq!(
            hash_of(&payload).0,
            Hash::from(Sha256::digest(&bytes)),
            "{length}"
        );
    }
}
