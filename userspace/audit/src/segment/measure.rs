//! Writes segments as large as wanted, as the keeper does, to measure what they cost and how fast they answer.
//!
//! `INTERDICT_MEASURE=DIR,ROWS,DAYS,FIRST_DAY,HOST,LAYOUT cargo test --release -p interdict-audit measure -- --ignored`.
//! A layout's name with `-bare` at its end leaves the hashes empty: 64 bytes a row that no question reads.

use std::path::Path;

use super::build::Builder;
use super::layout::Layout;
use crate::row::Row;
use crate::table::Table;
use crate::value::{Short, Value};

const DAY: i64 = 86_400_000_000;
/// 2026-03-01.
const FIRST: i64 = 1_772_323_200_000_000;
const SHAPES: usize = 4000;

/// Splitmix64: enough for data that shall be alike at every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Few are frequent, many are rare.
    fn skewed(&mut self, bound: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (unit.powi(4) * bound as f64) as u64
    }

    fn id(&mut self, at: i64) -> Value {
        let (high, low) = (self.next(), self.next());
        let head = ((at / 1000) as u64) << 16 | 0x7000 | high & 0xfff;
        let tail = 0x8000_0000_0000_0000 | low >> 2;
        Value::from(uuid::Uuid::from_u64_pair(head, tail))
    }
}

/// What statements that differ only in literals have in common.
struct Shape {
    kind: &'static str,
    text: String,
    fingerprint: String,
    effects: Value,
    relations: Value,
    columns: Value,
    masked: Vec<String>,
}

fn pair(fields: &[(&str, Value)]) -> Value {
    Value::Struct(
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned().into(), value.clone()))
            .collect(),
    )
}

fn shape(number: usize, dice: &mut Dice) -> Shape {
    let tables = [
        "patients",
        "encounters",
        "orders",
        "results",
        "notes",
        "claims",
        "appointments",
        "medications",
    ];
    let names = [
        "id", "mrn", "name", "ssn", "born_on", "status", "ward", "code", "value", "unit", "seen_at", "author",
    ];
    let table = tables[dice.skewed(tables.len() as u64) as usize];
    let kind = ["select", "select", "select", "select", "insert", "update"][dice.below(6) as usize];
    let width = 2 + dice.below(7) as usize;
    let start = dice.below(names.len() as u64) as usize;
    let shown: Vec<&str> = (0..width).map(|at| names[(start + at) % names.len()]).collect();
    let text = format!(
        "SELECT {} FROM clinic.{table} WHERE ward = $1 AND status = $2 /* report {number} */ ORDER BY seen_at LIMIT 100",
        shown.join(", ")
    );
    let sensitive = |name: &str| matches!(name, "mrn" | "name" | "ssn" | "born_on");
    let origin = |name: &str| format!("clinic.{table}.{name}");
    let read = kind == "select";
    let columns = shown.iter().filter(|_| read).map(|name| {
        let mask = sensitive(name).then(|| "partial(keep_last=4)".to_owned());
        pair(&[
            ("label", Value::from((*name).to_owned())),
            ("origin", Value::from(origin(name))),
            ("mask", mask.into()),
        ])
    });
    let access = if read { "read" } else { "write" };
    Shape {
        kind,
        text,
        fingerprint: format!("{:016x}", dice.next()),
        effects: Value::from(vec![access.to_owned()]),
        relations: Value::List(vec![pair(&[
            ("name", Value::from(format!("clinic.{table}"))),
            ("access", Value::from(access.to_owned())),
        ])]),
        columns: Value::List(columns.collect()),
        masked: shown
            .iter()
            .filter(|name| read && sensitive(name))
            .map(|name| origin(name))
            .collect(),
    }
}

struct Session {
    id: Value,
    identity: u64,
    service: u64,
    left: u64,
}

fn session(at: i64, dice: &mut Dice) -> Session {
    Session {
        id: dice.id(at),
        identity: dice.skewed(300),
        service: dice.skewed(6),
        left: 5 + dice.skewed(400),
    }
}

fn statement(
    host: &str,
    bare: bool,
    seq: u64,
    at: i64,
    session: &Session,
    shapes: &[Shape],
    dice: &mut Dice,
) -> Row {
    let shape = &shapes[dice.skewed(shapes.len() as u64) as usize];
    let denied = dice.below(1000) < 15;
    let adhoc = dice.below(100) < 3;
    let masked = !shape.masked.is_empty();
    let rows = if denied || shape.kind != "select" {
        0
    } else {
        dice.skewed(300)
    };
    let decision = match (denied, masked) {
        (true, _) => "deny",
        (false, true) => "mask",
        (false, false) => "allow",
    };
    let decided = at + 20 + dice.below(180) as i64;
    let first = decided + 300 + dice.skewed(20_000) as i64;
    let mut row = Row {
        table: Table::Statements,
        seq,
        hash: [0; 32],
        at,
        values: Vec::new(),
    };
    let text = |text: &str| Value::Text(text.to_owned());
    let columns = Table::Statements.columns();
    row.values = columns
        .iter()
        .map(|column| match column.name {
            "seq" => Value::from(seq),
            "host" => text(host),
            "session_id" => session.id.clone(),
            "statement_id" => dice.id(at),
            "requested_at" => Value::Time(at),
            "decided_at" => Value::Time(decided),
            "first_byte_at" if !denied => Value::Time(first),
            "ended_at" => Value::Time(first + dice.skewed(5_000) as i64),
            "service" => Value::Text(format!("clinic-{}", session.service)),
            "identity" => Value::Text(format!("spiffe://clinic/agent-{}", session.identity)),
            "kind" => text(shape.kind),
            "statement" if adhoc => Value::Text(format!("{} -- {:x}", shape.text, dice.next())),
            "statement" => text(&shape.text),
            "fingerprint" => text(&shape.fingerprint),
            "parameters" => Value::from(vec![format!("{}", dice.skewed(90)), "?".to_owned()]),
            "effects" => shape.effects.clone(),
            "relations" => shape.relations.clone(),
            "columns" if !denied => shape.columns.clone(),
            "complete" => Value::Bool(true),
            "decision" => text(decision),
            "rule" | "message" if denied => text("no-destructive"),
            "policy" => text("hipaa-phi"),
            "policy_digest" => Value::Text(format!("sha256:{:064x}", at / (7 * DAY))),
            "status" => text(if denied { "refused" } else { "ok" }),
            "rows" => Value::from(rows),
            "bytes" => Value::from(rows * 83),
            "masked_cells" => Value::from(rows * shape.masked.len() as u64),
            "masked_by" if rows > 0 && masked => Value::Map(
                shape
                    .masked
                    .iter()
                    .map(|name| (name.clone().into(), Value::from(rows)))
                    .collect(),
            ),
            "subjects" if masked && rows > 0 => {
                let some = 0..rows.min(5);
                Value::List(
                    some.map(|_| Value::Text(format!("s1:{:022x}", dice.skewed(50_000))))
                        .collect(),
                )
            }
            "previous_hash" | "hash" if bare => Value::from([0; 32]),
            "previous_hash" | "hash" => Value::Bytes(
                Short::new(&std::array::from_fn::<_, 4, _>(|_| dice.next().to_be_bytes()).concat()).unwrap(),
            ),
            _ => Value::Null,
        })
        .collect();
    row
}

fn layout(name: &str) -> Layout {
    let standard = Layout::default();
    match name {
        "zstd1" => Layout { level: 1, ..standard },
        "zstd6" => Layout { level: 6, ..standard },
        "zstd9" => Layout { level: 9, ..standard },
        "group32k" => Layout {
            group_rows: 32 << 10,
            ..standard
        },
        "group256k" => Layout {
            group_rows: 256 << 10,
            group_bytes: 128 << 20,
            ..standard
        },
        "group1m" => Layout {
            group_rows: 1 << 20,
            group_bytes: 512 << 20,
            ..standard
        },
        "nobloom" => Layout {
            bloom: &[],
            ..standard
        },
        "nopages" => Layout {
            pages: false,
            ..standard
        },
        "dictionary1m" => Layout {
            dictionary: 1 << 20,
            ..standard
        },
        _ => standard,
    }
}

#[test]
#[ignore = "writes as much as it is told to; see the top of the file"]
fn write() {
    let told =
        std::env::var("INTERDICT_MEASURE").expect("INTERDICT_MEASURE=DIR,ROWS,DAYS,FIRST_DAY,HOST,LAYOUT");
    let told: Vec<&str> = told.split(',').collect();
    let [directory, rows, days, first_day, host, name] = told[..] else {
        panic!("six words, with commas between");
    };
    let [rows, days, first_day]: [i64; 3] = [rows, days, first_day].map(|number| number.parse().unwrap());
    std::fs::create_dir_all(directory).unwrap();
    let mut shapes_of = Dice(7);
    let shapes: Vec<Shape> = (0..SHAPES).map(|number| shape(number, &mut shapes_of)).collect();
    let mut dice = Dice(u64::from_be_bytes([b'm', 0, 0, 0, 0, 0, 0, first_day as u8]));
    let mut builder = Builder::new(Path::new(directory), host).unwrap();
    let bare = name.ends_with("-bare");
    builder.layout = layout(name.trim_end_matches("-bare"));
    let mut at = FIRST + first_day * DAY;
    let step = days * DAY / rows;
    let mut sessions: Vec<Session> = (0..40).map(|_| session(at, &mut dice)).collect();
    let started = std::time::Instant::now();
    for seq in 1..=rows as u64 {
        at += dice.below(2 * step as u64) as i64;
        let place = dice.below(sessions.len() as u64) as usize;
        if sessions[place].left == 0 {
            sessions[place] = session(at, &mut dice);
        }
        sessions[place].left -= 1;
        let row = statement(host, bare, seq, at, &sessions[place], &shapes, &mut dice);
        builder.push(&row).unwrap();
        if builder.rows >= 1_000_000 {
            builder.publish().unwrap();
        }
    }
    builder.publish().unwrap();
    eprintln!("{name}: {rows} rows in {:.1?}", started.elapsed());
}
