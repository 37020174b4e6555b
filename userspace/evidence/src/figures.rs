//! The figures, each with the query that gives it.
//!
//! A figure is computed here by going through the extract once, and printed with a query for DuckDB over the same files. The
//! two are written apart, and a test compares them: a reader who runs the query checks this program.

mod access;
mod integrity;
mod release;
mod scope;

use std::collections::BTreeMap;
use std::path::Path;

use interdict_audit::{Filter, Table, scan};
use serde_json::{Map, Value};

use crate::EvidenceError;
use crate::build::Period;

/// A row of the record.
pub(crate) type Row = Map<String, Value>;

/// A group's key, and its numbers.
pub(crate) type Group = (Vec<String>, Vec<i64>);

/// What rows of one group come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Their numbers are added.
    Sum,
    /// The last one counts.
    Last,
}

/// In which order groups are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By their keys.
    Key,
    /// The greatest first number first, then by key.
    Count,
}

/// How one figure is come by.
pub(crate) struct Spec {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What it tells, and what it does not.
    pub(crate) note: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) sql: &'static str,
    pub(crate) table: Table,
    /// A row's groups: keys, and numbers.
    pub(crate) of: fn(&Row) -> Vec<Group>,
    pub(crate) merge: Merge,
    pub(crate) order: Order,
    /// So many groups at most are printed, and the query says so too.
    pub(crate) limit: Option<usize>,
    /// How many numbers there are where no row is: one line of zeros. `None`: no line.
    pub(crate) zero: Option<usize>,
    /// Printed where there is no line.
    pub(crate) none: &'static str,
}

/// A figure with its values.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Figure {
    /// Its name within the package.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What it tells.
    pub note: String,
    /// Headings.
    pub columns: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
    /// The query, over the views of `queries.sql`.
    pub sql: String,
    /// What is said where there are no rows.
    pub none: String,
}

/// All of them, in the order of the report.
pub(crate) fn all() -> Vec<Spec> {
    let parts = [
        scope::specs(),
        access::specs(),
        release::specs(),
        integrity::specs(),
    ];
    parts.into_iter().flatten().collect()
}

/// Goes through the extract. `progress` hears of every table and of each 10,000 of its rows.
pub(crate) fn compute(
    data: &Path,
    period: &Period,
    progress: &mut dyn FnMut(Table, u64),
) -> Result<Vec<Figure>, EvidenceError> {
    let specs = all();
    let mut groups: Vec<BTreeMap<Vec<String>, Vec<i64>>> = specs.iter().map(|_| BTreeMap::new()).collect();
    for table in Table::ALL {
        let wanted: Vec<usize> = (0..specs.len())
            .filter(|index| specs.get(*index).is_some_and(|spec| spec.table == table))
            .collect();
        if wanted.is_empty() || !data.join(table.name()).is_dir() {
            continue;
        }
        let mut filter = Filter::new(table);
        // Grants that were made before may end, or be used, within.
        if table != Table::Grants {
            filter.from = Some(period.from);
        }
        filter.until = Some(period.until);
        let mut count = 0;
        for row in scan(data, filter)? {
            let row = row?;
            count += 1;
            if count % 10_000 == 0 {
                progress(table, count);
            }
            for index in &wanted {
                if let (Some(spec), Some(groups)) = (specs.get(*index), groups.get_mut(*index)) {
                    for (key, numbers) in (spec.of)(&row) {
                        take(groups, key, numbers, spec.merge);
                    }
                }
            }
        }
        progress(table, count);
    }
    Ok(specs
        .iter()
        .zip(groups)
        .map(|(spec, groups)| figure(spec, groups))
        .collect())
}

fn take(groups: &mut BTreeMap<Vec<String>, Vec<i64>>, key: Vec<String>, numbers: Vec<i64>, merge: Merge) {
    match (groups.get_mut(&key), merge) {
        (Some(known), Merge::Sum) => {
            for (known, more) in known.iter_mut().zip(numbers) {
                *known = known.saturating_add(more);
            }
        }
        (Some(known), Merge::Last) => *known = numbers,
        (None, _) => {
            groups.insert(key, numbers);
        }
    }
}

fn figure(spec: &Spec, groups: BTreeMap<Vec<String>, Vec<i64>>) -> Figure {
    let mut groups: Vec<(Vec<String>, Vec<i64>)> = groups.into_iter().collect();
    if spec.order == Order::Count {
        groups.sort_by(|one, other| {
            other
                .1
                .first()
                .cmp(&one.1.first())
                .then_with(|| one.0.cmp(&other.0))
        });
    }
    if let Some(limit) = spec.limit {
        groups.truncate(limit);
    }
    if let (true, Some(zero)) = (groups.is_empty(), spec.zero) {
        groups.push((Vec::new(), vec![0; zero]));
    }
    let rows = groups.into_iter().map(|(key, numbers)| {
        key.into_iter()
            .chain(numbers.into_iter().map(|number| number.to_string()))
            .collect()
    });
    Figure {
        id: spec.id.to_owned(),
        title: spec.title.to_owned(),
        note: spec.note.to_owned(),
        columns: spec.columns.iter().map(|column| (*column).to_owned()).collect(),
        rows: rows.collect(),
        sql: spec.sql.to_owned(),
        none: spec.none.to_owned(),
    }
}

// What figures ask of a row.

/// A text; empty where it is NULL.
pub(crate) fn text(row: &Row, name: &str) -> String {
    row.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A number; 0 where it is NULL.
pub(crate) fn number(row: &Row, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap_or_default()
}

/// The elements of a list of texts.
pub(crate) fn list(row: &Row, name: &str) -> Vec<String> {
    let values = row.get(name).and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn has(row: &Row, name: &str, value: &str) -> bool {
    list(row, name).iter().any(|element| element == value)
}

/// A time to the second, as the queries' `utc` prints it.
pub(crate) fn utc(row: &Row, name: &str) -> String {
    let time = text(row, name);
    match (time.get(..10), time.get(11..19)) {
        (Some(day), Some(second)) => format!("{day} {second}"),
        _ => String::new(),
    }
}

/// One group of one row.
pub(crate) fn one<const N: usize, const M: usize>(
    key: [String; N],
    numbers: [i64; M],
) -> Vec<(Vec<String>, Vec<i64>)> {
    vec![(key.into(), numbers.into())]
}
