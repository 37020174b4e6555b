//! `interdict audit scan`: looks for raw identifiers in the record, by their form and by their value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use aho_corasick::AhoCorasick;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use bytes::BytesMut;
use interdict_audit::{Filter, Table};
use interdict_masking::{Detection, Detector, DetectorSpec, Mask};
use serde::Serialize;
use serde_json::Value;

use crate::commands::Answer;
use crate::output::{self, Align};

/// Detectors that say something by themselves, and rarely by mistake. Dates, addresses of machines and web pages are everywhere in a
/// record of a service's use.
const USUAL: [Detector; 9] = [
    Detector::UsSsn,
    Detector::CreditCard,
    Detector::Iban,
    Detector::Mbi,
    Detector::Mrn,
    Detector::HealthPlan,
    Detector::Email,
    Detector::Phone,
    Detector::Vin,
];
/// Columns without a text of anybody's: digests, names of machines, numbers of ours. Only values are looked for there.
const OURS: [&str; 26] = [
    "seq",
    "host",
    "boot_id",
    "session_id",
    "statement_id",
    "approval_id",
    "grant_id",
    "previous_hash",
    "hash",
    "digest",
    "policy_digest",
    "fingerprint",
    "executable_digest",
    "trace_id",
    "cgroup",
    "container_id",
    "origin_address",
    "upstream_address",
    "client_tls",
    "upstream_tls",
    "at",
    "requested_at",
    "decided_at",
    "first_byte_at",
    "ended_at",
    "started_at",
];
/// Columns that name who acted: their addresses are not patients'. Everything but e-mail addresses and telephone numbers is looked
/// for there.
const PEOPLE: [&str; 10] = [
    "identity",
    "identities",
    "claims",
    "people",
    "person",
    "approvers",
    "actor",
    "db_user",
    "via",
    "detail",
];
/// Policies carry tests with made-up identifiers.
const MADE_UP: [&str; 1] = ["policies.source"];
/// A shorter value is found in anything.
const SHORTEST: usize = 4;
/// Findings that are listed; all are counted.
const LISTED: usize = 1_000;

/// Something found. Never the thing itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Finding {
    table: &'static str,
    seq: u64,
    column: String,
    /// A detector's name, or `value` with the line of the list.
    detector: String,
    /// The text around it, letters as `x` and digits as `9`.
    excerpt: String,
}

#[derive(Debug, Default, Serialize)]
pub(in crate::commands) struct Outcome {
    pub(in crate::commands) clean: bool,
    rows: BTreeMap<&'static str, u64>,
    bytes: u64,
    seconds: f64,
    count: u64,
    findings: Vec<Finding>,
}

struct Search {
    all: Detection,
    /// Without those that find who acted.
    people: Detection,
    values: Option<(AhoCorasick, Vec<usize>)>,
    except: BTreeSet<String>,
    bytes: AtomicU64,
    count: AtomicU64,
    findings: Mutex<Vec<Finding>>,
}

pub(super) fn scan(
    directory: &Path,
    values: Option<&Path>,
    detectors: &[Detector],
    except: &[String],
    json: bool,
) -> anyhow::Result<Answer> {
    let outcome = look(directory, values, detectors, except)?;
    let mut out = std::io::stdout().lock();
    if json {
        output::json(&mut out, &outcome)?;
    } else {
        write(&outcome, &mut out)?;
    }
    Ok(outcome.clean.into())
}

/// Looks through a whole record.
pub(in crate::commands) fn look(
    directory: &Path,
    values: Option<&Path>,
    detectors: &[Detector],
    except: &[String],
) -> anyhow::Result<Outcome> {
    std::fs::read_dir(directory)
        .with_context(|| format!("reading the audit directory {}", directory.display()))?;
    let detectors = if detectors.is_empty() { &USUAL } else { detectors };
    let search = Search {
        all: detection(detectors.iter().copied())?,
        people: detection(
            detectors
                .iter()
                .copied()
                .filter(|detector| !matches!(detector, Detector::Email | Detector::Phone)),
        )?,
        values: values.map(listed).transpose()?,
        except: except.iter().cloned().collect(),
        bytes: AtomicU64::new(0),
        count: AtomicU64::new(0),
        findings: Mutex::default(),
    };
    let started = std::time::Instant::now();
    let mut rows = BTreeMap::new();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let threads = Table::ALL.map(|table| {
            let search = &search;
            (table, scope.spawn(move || search.table(directory, table)))
        });
        for (table, thread) in threads {
            let count = thread
                .join()
                .map_err(|_| anyhow::anyhow!("a defect of this program: {table} was not looked through"))??;
            rows.insert(table.name(), count);
        }
        Ok(())
    })?;
    let mut findings = search.findings.into_inner().unwrap_or_default();
    findings.sort();
    Ok(Outcome {
        clean: findings.is_empty(),
        rows,
        bytes: search.bytes.into_inner(),
        seconds: started.elapsed().as_secs_f64(),
        count: search.count.into_inner(),
        findings,
    })
}

fn detection(detectors: impl Iterator<Item = Detector>) -> anyhow::Result<Detection> {
    let specs: Vec<_> = detectors
        .map(|detector| (DetectorSpec::from(detector), Mask::Redact))
        .collect();
    Ok(Detection::new(&specs)?)
}

/// The values of a list, and the line of each.
fn listed(path: &Path) -> anyhow::Result<(AhoCorasick, Vec<usize>)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let (mut values, mut lines) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let value = line.trim();
        if value.is_empty() {
            continue;
        }
        if value.len() < SHORTEST {
            bail!(
                "{}:{}: a value of fewer than {SHORTEST} bytes would be found everywhere",
                path.display(),
                index.saturating_add(1)
            );
        }
        values.push(value.to_owned());
        lines.push(index.saturating_add(1));
    }
    if values.is_empty() {
        bail!("{}: it has no values", path.display());
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(&values)?;
    Ok((automaton, lines))
}

impl Search {
    /// Gives the number of rows.
    fn table(&self, directory: &Path, table: Table) -> anyhow::Result<u64> {
        let mut count = 0_u64;
        for row in interdict_audit::scan(directory, Filter::new(table))? {
            let row = row?;
            count = count.saturating_add(1);
            let seq = row.get("seq").and_then(Value::as_u64).unwrap_or(0);
            for (column, value) in &row {
                if table == Table::Frames && column == "payload" {
                    let bytes = value.as_str().unwrap_or_default();
                    let bytes = base64::engine::general_purpose::STANDARD.decode(bytes)?;
                    self.text(table, seq, column, &bytes);
                } else {
                    self.value(table, seq, column, value);
                }
            }
        }
        Ok(count)
    }

    fn value(&self, table: Table, seq: u64, column: &str, value: &Value) {
        match value {
            Value::String(text) => self.text(table, seq, column, text.as_bytes()),
            Value::Array(values) => {
                for value in values {
                    self.value(table, seq, column, value);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.text(table, seq, column, name.as_bytes());
                    self.value(table, seq, column, value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, table: Table, seq: u64, column: &str, text: &[u8]) {
        self.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
        if let Some((automaton, lines)) = &self.values {
            for found in automaton.find_iter(text) {
                let line = lines.get(found.pattern().as_usize()).copied().unwrap_or(0);
                self.found(table, seq, column, format!("value:{line}"), text, found.start());
            }
        }
        let place = format!("{table}.{column}");
        if OURS.contains(&column) || MADE_UP.contains(&&*place) || self.except.contains(&place) {
            return;
        }
        let detection = if PEOPLE.contains(&column) {
            &self.people
        } else {
            &self.all
        };
        let (mut shown, mut names) = (BytesMut::new(), Vec::new());
        if detection.redact(text, &mut shown, |name| names.push(name.to_owned())) {
            let at = text
                .iter()
                .zip(&shown)
                .take_while(|(one, other)| one == other)
                .count();
            names.dedup();
            for name in names {
                self.found(table, seq, column, name, text, at);
            }
        }
    }

    fn found(&self, table: Table, seq: u64, column: &str, detector: String, text: &[u8], at: usize) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut findings = self
            .findings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if findings.len() < LISTED {
            findings.push(Finding {
                table: table.name(),
                seq,
                column: column.to_owned(),
                detector,
                excerpt: excerpt(text, at),
            });
        }
    }
}

/// The form of what stands there, not what it says.
fn excerpt(text: &[u8], at: usize) -> String {
    let part = text.get(at.saturating_sub(12)..).unwrap_or_default();
    let shape = |letter: char| match letter {
        '0'..='9' => '9',
        letter if letter.is_alphabetic() => 'x',
        letter if letter.is_control() || letter == char::REPLACEMENT_CHARACTER => '.',
        letter => letter,
    };
    let part = part.get(..part.len().min(48)).unwrap_or_default();
    String::from_utf8_lossy(part).chars().map(shape).collect()
}

fn write(outcome: &Outcome, out: &mut impl std::io::Write) -> std::io::Result<()> {
    if !outcome.findings.is_empty() {
        let mut table = output::Table::new([
            ("TABLE", Align::Left),
            ("SEQ", Align::Right),
            ("COLUMN", Align::Left),
            ("FOUND", Align::Left),
            ("EXCERPT", Align::Left),
        ]);
        for finding in outcome.findings.iter().cloned() {
            let Finding {
                table: name,
                seq,
                column,
                detector,
                excerpt,
            } = finding;
            table.row([name.to_owned(), seq.to_string(), column, detector, excerpt]);
        }
        table.write(out)?;
    }
    let rows: u64 = outcome.rows.values().sum();
    let speed = outcome.bytes as f64 / 1e6 / outcome.seconds.max(0.001);
    let sentence = if outcome.clean {
        "no raw identifier found".to_owned()
    } else {
        format!("FOUND: {} places", outcome.count)
    };
    writeln!(
        out,
        "{sentence} in {rows} rows, {:.1} MB of text ({speed:.0} MB/s)",
        outcome.bytes as f64 / 1e6
    )
}
