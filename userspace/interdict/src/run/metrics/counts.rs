//! Rows, counted as they are completed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use interdict_audit::{Observer, Row, Table, Timing};

use super::text::Page;

/// More series of a family than this are counted together, as `other`: our own words are fewer.
const SERIES: usize = 500;

#[derive(Default)]
pub(in crate::run) struct Counts {
    services: BTreeSet<String>,
    workloads: BTreeSet<String>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The last row of each table that was counted: rows come again when the keeper starts over.
    last: BTreeMap<Table, u64>,
    /// Service, decision, status.
    statements: BTreeMap<[String; 3], u64>,
    /// By service: rows, bytes and masked cells that reached clients.
    shown: BTreeMap<String, [u64; 3]>,
    /// By service: how long decisions and whole statements took.
    times: BTreeMap<String, [Timing; 2]>,
    /// Service, workload, end reason.
    sessions: BTreeMap<[String; 3], u64>,
    approvals: BTreeMap<String, u64>,
    grants: BTreeMap<String, u64>,
    events: BTreeMap<String, u64>,
    waiting: HashSet<Vec<u8>>,
    /// Workload and service, with the last numbers.
    ledger: BTreeMap<[String; 2], [i64; 8]>,
    sealed: f64,
}

const LEDGER: [(&str, &str, &str); 8] = [
    (
        "seen",
        "interdict_ledger_seen_total",
        "Connects that the kernel's hooks met.",
    ),
    (
        "redirected",
        "interdict_ledger_redirected_total",
        "Connects that were sent to the proxy.",
    ),
    (
        "refused",
        "interdict_ledger_refused_total",
        "Connects that the kernel refused.",
    ),
    (
        "exempt",
        "interdict_ledger_exempt_total",
        "Connects of callers that are in no workload.",
    ),
    (
        "failed_open",
        "interdict_ledger_failed_open_total",
        "Connects that went to the service itself because no daemon was alive.",
    ),
    (
        "established",
        "interdict_ledger_established_total",
        "Connections that the kernel saw established towards the proxy.",
    ),
    (
        "sessions",
        "interdict_ledger_sessions_total",
        "Connections that the proxy accepted.",
    ),
    (
        "difference",
        "interdict_ledger_difference",
        "Connections that no session tells of. Anything but 0 is to be looked at.",
    ),
];

impl Counts {
    pub(super) fn of(
        services: impl Iterator<Item = String>,
        workloads: impl Iterator<Item = String>,
    ) -> Self {
        Self {
            services: services.collect(),
            workloads: workloads.collect(),
            inner: Mutex::default(),
        }
    }

    fn service(&self, row: &Row) -> String {
        known(&self.services, row.get("service").as_text())
    }

    fn workload(&self, row: &Row) -> String {
        known(&self.workloads, row.get("workload").as_text())
    }

    pub(super) fn write(&self, page: &mut Page) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        page.family(
            "interdict_statements_total",
            "counter",
            "Statements and requests that have ended.",
        );
        for ([service, decision, status], count) in &inner.statements {
            let labels = [
                ("service", service.as_str()),
                ("decision", decision),
                ("status", status),
            ];
            page.sample("interdict_statements_total", &labels, *count as f64);
        }
        page.family("interdict_rows_total", "counter", "Rows that reached clients.");
        page.family(
            "interdict_answer_bytes_total",
            "counter",
            "Bytes of answers that reached clients.",
        );
        page.family(
            "interdict_masked_cells_total",
            "counter",
            "Cells that were masked.",
        );
        for (service, numbers) in &inner.shown {
            let names = [
                "interdict_rows_total",
                "interdict_answer_bytes_total",
                "interdict_masked_cells_total",
            ];
            for (name, number) in names.into_iter().zip(numbers) {
                page.sample(name, &[("service", service)], *number as f64);
            }
        }
        page.family(
            "interdict_decision_seconds",
            "histogram",
            "From a statement's arrival to its decision.",
        );
        page.family(
            "interdict_statement_seconds",
            "histogram",
            "From a statement's arrival to the end of its answer.",
        );
        for (service, [decision, whole]) in &inner.times {
            page.timing("interdict_decision_seconds", &[("service", service)], decision);
            page.timing("interdict_statement_seconds", &[("service", service)], whole);
        }
        page.family("interdict_sessions_total", "counter", "Sessions that have ended.");
        for ([service, workload, reason], count) in &inner.sessions {
            let labels = [
                ("service", service.as_str()),
                ("workload", workload),
                ("end_reason", reason),
            ];
            page.sample("interdict_sessions_total", &labels, *count as f64);
        }
        page.family(
            "interdict_approvals_total",
            "counter",
            "What happened to approvals.",
        );
        page.family(
            "interdict_grant_events_total",
            "counter",
            "What happened to grants.",
        );
        page.family(
            "interdict_events_total",
            "counter",
            "Rows of the record's admin table.",
        );
        let families = [
            ("interdict_approvals_total", "event", &inner.approvals),
            ("interdict_grant_events_total", "event", &inner.grants),
            ("interdict_events_total", "kind", &inner.events),
        ];
        for (family, label, counts) in families {
            for (value, count) in counts {
                page.sample(family, &[(label, value)], *count as f64);
            }
        }
        page.family(
            "interdict_approvals_waiting",
            "gauge",
            "Approvals that wait for people.",
        );
        page.sample("interdict_approvals_waiting", &[], inner.waiting.len() as f64);
        for (_, family, help) in LEDGER {
            let kind = if family.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            page.family(family, kind, help);
        }
        for ([workload, service], numbers) in &inner.ledger {
            let labels = [("workload", workload.as_str()), ("service", service)];
            for ((_, family, _), number) in LEDGER.iter().zip(numbers) {
                page.sample(family, &labels, *number as f64);
            }
        }
        page.family(
            "interdict_records_last_seq",
            "gauge",
            "The number of a table's last row.",
        );
        for (table, seq) in &inner.last {
            page.sample(
                "interdict_records_last_seq",
                &[("table", table.name())],
                *seq as f64,
            );
        }
        page.family(
            "interdict_audit_last_seal_seconds",
            "gauge",
            "When rows were last put into segments, as Unix time; 0: not since the start.",
        );
        page.sample("interdict_audit_last_seal_seconds", &[], inner.sealed);
    }
}

/// A name that the settings have. Others are of earlier settings: together.
fn known(names: &BTreeSet<String>, name: Option<&str>) -> String {
    match name {
        None => "-".to_owned(),
        Some(name) if names.contains(name) => name.to_owned(),
        Some(_) => "other".to_owned(),
    }
}

fn word(row: &Row, name: &str) -> String {
    row.get(name).as_text().unwrap_or("-").to_owned()
}

fn count<const N: usize>(counts: &mut BTreeMap<[String; N], u64>, key: [String; N]) {
    let full = counts.len() >= SERIES && !counts.contains_key(&key);
    let key = if full {
        std::array::from_fn(|_| "other".to_owned())
    } else {
        key
    };
    *counts.entry(key).or_default() += 1;
}

fn count_word(counts: &mut BTreeMap<String, u64>, word: String) {
    let full = counts.len() >= SERIES && !counts.contains_key(&word);
    *counts
        .entry(if full { "other".to_owned() } else { word })
        .or_default() += 1;
}

fn between(row: &Row, from: &str, until: &str) -> Option<Duration> {
    let (from, until) = (row.get(from).as_integer()?, row.get(until).as_integer()?);
    Some(Duration::from_micros(
        u64::try_from(until.saturating_sub(from)).unwrap_or(0),
    ))
}

impl Observer for Counts {
    fn row(&self, row: &Row) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let last = inner.last.entry(row.table).or_default();
        if row.seq <= *last {
            return;
        }
        *last = row.seq;
        match row.table {
            Table::Statements => {
                let service = self.service(row);
                let key = [service.clone(), word(row, "decision"), word(row, "status")];
                count(&mut inner.statements, key);
                let shown = inner.shown.entry(service.clone()).or_default();
                for (total, name) in shown.iter_mut().zip(["rows", "bytes", "masked_cells"]) {
                    *total += row
                        .get(name)
                        .as_integer()
                        .and_then(|n| u64::try_from(n).ok())
                        .unwrap_or(0);
                }
                let [decision, whole] = inner.times.entry(service).or_default();
                for (timing, until) in [(decision, "decided_at"), (whole, "ended_at")] {
                    if let Some(took) = between(row, "requested_at", until) {
                        timing.record(took);
                    }
                }
            }
            Table::Sessions => {
                let key = [self.service(row), self.workload(row), word(row, "end_reason")];
                count(&mut inner.sessions, key);
            }
            Table::Approvals => {
                let event = word(row, "event");
                if let Some(id) = row.get("approval_id").as_bytes() {
                    match event.as_str() {
                        "requested" => drop(inner.waiting.insert(id.to_vec())),
                        "voted" => {}
                        _ => drop(inner.waiting.remove(id)),
                    }
                }
                count_word(&mut inner.approvals, event);
            }
            Table::Grants => count_word(&mut inner.grants, word(row, "event")),
            Table::Admin => count_word(&mut inner.events, word(row, "kind")),
            Table::Ledger => {
                let numbers = LEDGER.map(|(column, _, _)| row.get(column).as_integer().unwrap_or(0));
                inner
                    .ledger
                    .insert([self.workload(row), self.service(row)], numbers);
            }
            Table::Policies | Table::Frames => {}
        }
    }

    fn published(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.sealed = crate::record::now() as f64 / 1e6;
    }
}
