//! Putting the package together.

use std::fs;
use std::path::{Path, PathBuf};

use interdict_audit::{Filter, Report, Table, scan, verify};
use interdict_record::Micros;
use interdict_replay::{load, render};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::figures::{self, Figure};
use crate::manifest::{self, Manifest};
use crate::page::{Page, Sample};
use crate::{EvidenceError, changes, extract, page};

/// From a moment on, up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub from: Micros,
    /// The first moment after it.
    pub until: Micros,
}

impl Period {
    pub(crate) fn holds_day(&self, day: &str) -> bool {
        Self::day(self.from).as_str() <= day && day <= self.until_day().as_str()
    }

    pub(crate) fn until_day(&self) -> String {
        Self::day(self.until.saturating_sub(1))
    }

    fn day(at: Micros) -> String {
        let time = Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        TimeZone::UTC.to_datetime(time).date().to_string()
    }
}

/// What package is wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The audit's directory.
    pub audit: PathBuf,
    /// Where the package goes: a folder that is not there yet, or empty.
    pub out: PathBuf,
    /// Of what time.
    pub period: Period,
    /// How many sessions are replayed as samples.
    pub samples: usize,
    /// Who makes it.
    pub made_by: String,
    /// On which host.
    pub host: String,
    /// By which version.
    pub version: String,
    /// The public key that signed the seals, for readers.
    pub public_key: Option<String>,
    /// Other files, such as what `audit scan` found: name and content.
    pub more: Vec<(String, String)>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What is in it.
    pub manifest: Manifest,
    /// The manifest's bytes, for signing.
    pub manifest_bytes: Vec<u8>,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// Builds the package. `progress` hears what is done.
///
/// # Errors
/// [`EvidenceError`]. What was written until then is left, so that it can be looked at.
pub fn build(request: &Request, progress: &mut dyn FnMut(&str)) -> Result<Outcome, EvidenceError> {
    let out = &request.out;
    let occupied = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(EvidenceError::Occupied(out.display().to_string()));
    }
    let data = out.join("data");
    fs::create_dir_all(&data).map_err(EvidenceError::io("made", &data))?;
    progress("the whole record is verified");
    let report = verify(&request.audit)?;
    progress("segments of the period are copied");
    let files = extract::copy(&request.audit, &request.period, &data)?;
    if !files
        .iter()
        .any(|file| file.extension().is_some_and(|kind| kind == "parquet"))
    {
        return Err(EvidenceError::Nothing {
            from: render::time(request.period.from),
            until: render::time(request.period.until),
        });
    }
    let figures = figures::compute(&data, &request.period, &mut |table, rows| {
        progress(&format!("{table}: {rows} rows"));
    })?;
    let policies = rows(&data, Table::Policies, None, request.period.until)?;
    let versions = changes::write(&policies, out)?;
    progress("sessions are replayed");
    let samples = samples(request, &data)?;
    write(out, "queries.sql", &queries(&data, &request.period, &figures))?;
    write(out, "verify.txt", &verified(&report))?;
    write(out, "verify.json", &pretty(&report))?;
    write(out, "figures.json", &pretty(&figures))?;
    if let Some(key) = &request.public_key {
        write(out, "public-key.pem", key)?;
    }
    for (name, content) in &request.more {
        write(out, name, content)?;
    }
    let page = Page {
        request,
        figures: &figures,
        versions: &versions,
        samples: &samples,
        report: &report,
    };
    write(out, "index.html", &page.html())?;
    write(out, "README.txt", page::README)?;
    let manifest = Manifest {
        format: "interdict-evidence-1".to_owned(),
        made_at: Timestamp::now().to_string(),
        made_by: request.made_by.clone(),
        host: request.host.clone(),
        version: request.version.clone(),
        from: render::time(request.period.from),
        until: render::time(request.period.until),
        record_sound: report.sound(),
        finding: report.first().map(ToString::to_string),
        files: manifest::list(out)?,
    };
    let manifest_bytes = pretty(&manifest).into_bytes();
    let path = out.join("manifest.json");
    fs::write(&path, &manifest_bytes).map_err(EvidenceError::io("written", &path))?;
    Ok(Outcome {
        manifest,
        manifest_bytes,
        figures,
    })
}

fn write(out: &Path, name: &str, content: &str) -> Result<(), EvidenceError> {
    let path = out.join(name);
    fs::write(&path, content).map_err(EvidenceError::io("written", &path))
}

fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn verified(report: &Report) -> String {
    format!("interdict audit verify, of the whole record when the package was made:\n\n{report}\n")
}

fn rows(
    directory: &Path,
    table: Table,
    from: Option<Micros>,
    until: Micros,
) -> Result<Vec<Map<String, Value>>, EvidenceError> {
    let filter = Filter {
        from,
        until: Some(until),
        ..Filter::new(table)
    };
    Ok(scan(directory, filter)?.collect::<Result<_, _>>()?)
}

/// Sessions of the period, evenly spread, and those with refusals first; replayed as pages.
fn samples(request: &Request, data: &Path) -> Result<Vec<Sample>, EvidenceError> {
    let sessions = rows(
        data,
        Table::Sessions,
        Some(request.period.from),
        request.period.until,
    )?;
    let with_statements: Vec<&Map<String, Value>> = sessions
        .iter()
        .filter(|row| row.get("statements").and_then(Value::as_i64).unwrap_or_default() > 0)
        .collect();
    let step = (with_statements.len() / request.samples.max(1)).max(1);
    let folder = request.out.join("replays");
    fs::create_dir_all(&folder).map_err(EvidenceError::io("made", &folder))?;
    let mut samples = Vec::new();
    for row in with_statements.iter().step_by(step).take(request.samples) {
        let id = row.get("session_id").and_then(Value::as_str).unwrap_or_default();
        let Ok(id) = id.parse::<Uuid>() else { continue };
        let recording = load(&request.audit, id)?;
        let file = format!("replays/{id}.html");
        write(&request.out, &file, &render::html(&recording))?;
        samples.push(Sample {
            title: render::title(&recording.session),
            file,
        });
    }
    Ok(samples)
}

/// All queries as one script for DuckDB.
fn queries(data: &Path, period: &Period, figures: &[Figure]) -> String {
    use std::fmt::Write as _;
    let mut sql = String::from(
        "-- Every figure of index.html, over the files in data/. Run in this folder:\n--   duckdb -init queries.sql\n-- or read it a query at a time.\n\
         SET TimeZone = 'UTC';\nCREATE OR REPLACE MACRO utc(t) AS strftime(make_timestamp(epoch_us(t)), '%Y-%m-%d %H:%M:%S');\n",
    );
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Frames) {
        let source = if data.join(table.name()).is_dir() {
            format!(
                "read_parquet('data/{table}/*/*.parquet', hive_partitioning = true, union_by_name = true)"
            )
        } else {
            // A table without rows has its columns all the same.
            format!("(SELECT {} WHERE false)", table.sql_columns())
        };
        let column = table.time_column();
        let bound = |micros: Micros| format!("make_timestamp({micros})");
        let from = if table == Table::Grants {
            String::new()
        } else {
            format!(
                "make_timestamp(epoch_us(\"{column}\")) >= {} AND ",
                bound(period.from)
            )
        };
        let _ = writeln!(
            sql,
            "CREATE OR REPLACE VIEW {table} AS SELECT * FROM {source} WHERE {from}make_timestamp(epoch_us(\"{column}\")) < {};",
            bound(period.until)
        );
    }
    for figure in figures {
        let _ = writeln!(sql, "\n-- {}: {}\n{};", figure.id, figure.title, figure.sql);
    }
    sql
}
