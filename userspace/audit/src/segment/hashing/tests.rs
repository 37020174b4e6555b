use proptest::prelude::*;

use super::*;
use crate::arrow;
use crate::arrow::columns::Columns as Built;
use crate::row::{Head, Row};
use crate::value::{Kind, Name, Value};

fn value(kind: &Kind) -> BoxedStrategy<Value> {
    let some = match kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Integer => any::<i64>().prop_map(Value::Integer).boxed(),
        Kind::Time => any::<i64>().prop_map(Value::Time).boxed(),
        Kind::Text => ".{0,6}".prop_map(Value::Text).boxed(),
        Kind::Uuid => any::<[u8; 16]>().prop_map(Value::from).boxed(),
        Kind::Bytes(_) => any::<[u8; 32]>().prop_map(Value::from).boxed(),
        Kind::Blob => any::<Vec<u8>>().prop_map(Value::Blob).boxed(),
        Kind::List(inner) => proptest::collection::vec(value(inner), 0..4)
            .prop_map(Value::List)
            .boxed(),
        Kind::Map(inner) => {
            proptest::collection::btree_map(".{0,3}".prop_map(Name::from), value(inner), 0..4)
                .prop_map(|map| Value::Map(map.into_iter().rev().collect()))
                .boxed()
        }
        Kind::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, kind)| (Just(Name::from(name.clone())), value(kind)))
                .collect();
            fields.prop_map(Value::Struct).boxed()
        }
    };
    prop_oneof![1 => Just(Value::Null), 3 => some].boxed()
}

fn rows(table: Table) -> BoxedStrategy<Vec<Row>> {
    let columns = table.columns();
    let middle: Vec<_> = columns
        .get(1..columns.len() - 2)
        .unwrap_or_default()
        .iter()
        .map(|column| value(&column.kind))
        .collect();
    proptest::collection::vec(middle, 1..5)
        .prop_map(move |rows| {
            let (mut head, mut scratch) = (Head::default(), Vec::new());
            rows.into_iter()
                .map(|middle| head.link(table, 0, middle, &mut scratch))
                .collect()
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The hash that a row was given is the one that its columns give.
    #[test]
    fn columns_give_the_hash_of_the_row(rows in proptest::sample::select(Table::ALL.to_vec()).prop_flat_map(rows)) {
        let table = rows.first().map_or(Table::Admin, |row| row.table);
        let mut built = Built::new(table, arrow::schema(table));
        for row in &rows {
            built.push(row).unwrap();
        }
        prop_assert_eq!(built.rows(), rows.len());
        let batch = built.finish().unwrap();
        let columns = Columns::new(table, &batch).unwrap();
        let mut scratch = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            prop_assert_eq!(columns.hash(index, &mut scratch), row.hash);
            let (seq, _, hash) = columns.link(index).unwrap();
            prop_assert_eq!((seq, hash), (row.seq, row.hash));
        }
    }
}
