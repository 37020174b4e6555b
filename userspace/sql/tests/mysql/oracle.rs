//! Queries made at random, and what the server shows of a value that must not go unnoticed.

use std::borrow::Cow;
use std::fmt::Write as _;

use interdict_sql::lineage::{ColumnId, Flow, Routines, Schema, SchemaColumn, Untraced};

/// The value of the protected column.
pub(super) const CANARY: &str = "CANARY";

const TABLES: [(&str, &[&str]); 3] = [
    ("patients", &["id", "name", "ssn"]),
    ("visits", &["id", "pid", "reason"]),
    ("staff", &["id", "name"]),
];

/// The tables, where `patients.ssn` is protected.
pub(super) struct Clinic;

impl Schema for Clinic {
    fn relations(&self, _: Option<&str>, name: &str) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced> {
        let found = TABLES.iter().find(|(table, _)| *table == name);
        let columns = found.map(|(_, columns)| {
            let columns = columns.iter().map(|column| SchemaColumn {
                name: (*column).to_owned(),
                flow: if *column == "ssn" {
                    Flow::of(ColumnId {
                        relation: 1,
                        attribute: 3,
                    })
                } else {
                    Flow::CLEAN
                },
            });
            Cow::Owned(columns.collect())
        });
        Ok(columns.into_iter().collect())
    }

    fn routines(&self, _: Option<&str>, _: &str) -> Option<Routines> {
        None
    }

    fn operators(&self, _: &str) -> Option<Routines> {
        None
    }

    fn shows_length(&self, _: ColumnId) -> bool {
        false
    }
}

/// What makes the tables.
pub(super) fn setup(end: &str) -> String {
    [
        "DROP DATABASE IF EXISTS oracle",
        "CREATE DATABASE oracle",
        "USE oracle",
        "CREATE TABLE patients (id INT, name VARCHAR(40), ssn VARCHAR(40))",
        "CREATE TABLE visits (id INT, pid INT, reason VARCHAR(40))",
        "CREATE TABLE staff (id INT, name VARCHAR(40))",
        "INSERT INTO patients VALUES (1, 'nn', 'CANARY'), (2, 'mm', 'CANARY')",
        "INSERT INTO visits VALUES (1, 1, 'rr'), (2, 1, 'ss')",
        "INSERT INTO staff VALUES (1, 'tt'), (2, 'uu')",
    ]
    .iter()
    .fold(String::new(), |mut all, statement| {
        let _ = writeln!(all, "{statement}{end}");
        all
    })
}

/// Names in sight: a table's and its columns'.
type Scope = Vec<(String, Vec<String>)>;

/// Makes queries, the same ones from the same seed.
pub(super) struct Maker(pub(super) u64);

impl Maker {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = self.roll(list.len());
        &list[at]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn table(&mut self, depth: usize) -> (String, (String, Vec<String>)) {
        if depth == 0 || self.chance(50) {
            let (table, columns) = *self.pick(&TABLES);
            let alias = *self.pick(&["a", "b", "c", table]);
            let columns = columns.iter().map(|column| (*column).to_owned()).collect();
            return (format!("{table} AS {alias}"), (alias.to_owned(), columns));
        }
        let (query, columns) = self.query(depth - 1);
        let alias = *self.pick(&["q", "r", "s"]);
        (format!("({query}) {alias}"), (alias.to_owned(), columns))
    }

    fn column(&mut self, scope: &Scope) -> String {
        let (table, columns) = self.pick(scope).clone();
        let column = self.pick(&columns).clone();
        let column = if self.chance(20) {
            column.to_uppercase()
        } else {
            column
        };
        if self.chance(60) {
            format!("{table}.{column}")
        } else {
            column
        }
    }

    fn value(&mut self, scope: &Scope, depth: usize) -> String {
        let column = self.column(scope);
        if depth == 0 {
            return column;
        }
        match self.roll(20) {
            0 => format!("CONCAT('x', {column})"),
            1 => format!("IF({column} IS NULL, {column}, {})", self.value(scope, depth - 1)),
            2 => format!("COALESCE({column}, {})", self.value(scope, depth - 1)),
            3 => format!("UPPER({})", self.value(scope, depth - 1)),
            4 => format!(
                "CASE WHEN 1 THEN {} ELSE {column} END",
                self.value(scope, depth - 1)
            ),
            5 | 6 => {
                let (table, inner) = self.table(depth - 1);
                let mut scope = scope.clone();
                scope.insert(0, inner);
                format!("(SELECT {} FROM {table} LIMIT 1)", self.value(&scope, depth - 1))
            }
            7 => format!("MAX({column}) OVER ()"),
            8 => format!("@v := {column}"),
            9 => "@v".to_owned(),
            10 => "'k'".to_owned(),
            _ => column,
        }
    }

    fn from(&mut self, depth: usize) -> (String, Scope) {
        let (mut from, first) = self.table(depth);
        let mut scope = vec![first];
        if self.chance(35) {
            let (table, second) = self.table(depth.saturating_sub(1));
            if second.0 == scope[0].0 {
                return (from, scope);
            }
            let side = *self.pick(&["", "LEFT ", "RIGHT "]);
            let shared = [&scope[0].1, &second.1]
                .iter()
                .all(|columns| columns.iter().any(|column| column == "id"));
            from = match self.roll(4) {
                0 if shared => format!("{from} {side}JOIN {table} USING (id)"),
                1 => format!("{from} NATURAL {side}JOIN {table}"),
                2 => format!("{from}, {table}"),
                _ => format!("{from} JOIN {table} ON 1 = 1"),
            };
            scope.push(second);
        }
        (from, scope)
    }

    /// A query and the names of its columns.
    pub(super) fn query(&mut self, depth: usize) -> (String, Vec<String>) {
        let (from, scope) = self.from(depth);
        let mut items = Vec::new();
        let mut names: Vec<String> = Vec::new();
        if self.chance(20) {
            items.push("*".to_owned());
            names.extend(scope.iter().flat_map(|(_, columns)| columns.iter().cloned()));
        }
        for place in 0..=self.roll(3) {
            let name = *self.pick(&["x", "y", "name", "reason", "id"]);
            let name = if self.chance(50) {
                name.to_owned()
            } else {
                format!("{name}{place}")
            };
            let value = if !names.is_empty() && self.chance(15) {
                format!("(SELECT {})", self.pick(&names))
            } else {
                self.value(&scope, depth)
            };
            items.push(format!("{value} AS {name}"));
            names.push(name);
        }
        let distinct = *self.pick(&["", "", "DISTINCT "]);
        let mut query = format!("SELECT {distinct}{} FROM {from}", items.join(", "));
        let shape = self.roll(7);
        if shape == 0 {
            query.push_str(" LIMIT 5");
        } else if depth > 0 && shape == 1 {
            let (other, columns) = self.query(depth - 1);
            if columns.len() == names.len() {
                query = format!("({query}) UNION ALL ({other})");
            }
        } else if depth > 0 && shape == 2 {
            let (inner, columns) = self.query(depth - 1);
            let name = *self.pick(&["patients", "visits", "w"]);
            let column = self.pick(&columns).clone();
            query = format!("WITH {name} AS ({inner}) SELECT {column} AS o, 1 AS k FROM {name}");
            names = vec!["o".to_owned(), "k".to_owned()];
        }
        (query, names)
    }
}
