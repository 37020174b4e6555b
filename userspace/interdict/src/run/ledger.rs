//! The ledger: what the kernel counted, beside what the proxy served.
//!
//! Every connection that the kernel saw established with a listener must come to be a session. The two counts are taken
//! at different moments, so a connection has one interval to be accepted; what is still missing then is a difference, and
//! a difference is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use interdict_audit::Audit;
use interdict_kernel::{Counters, LedgerRow, Verdict};
use interdict_record::{LedgerEntry, Record};

use super::canary;
use super::numbers::Numbers;
use crate::record::{detailed, now};

/// How often the two are compared.
const INTERVAL: Duration = Duration::from_secs(5);

/// A workload and a service, by number.
type Pair = (u32, u32);

/// Connections that the proxy accepted with an origin, since the daemon started.
#[derive(Debug, Default)]
pub(super) struct Served(Mutex<HashMap<Pair, u64>>);

impl Served {
    pub(super) fn count(&self, workload: u32, service: u32) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((workload, service)).or_default() += 1;
    }

    fn of(&self, pair: Pair) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&pair).copied().unwrap_or(0)
    }
}

/// What is remembered of a pair between two comparisons.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// `established` when this daemon began: what came before is an earlier daemon's.
    baseline: u64,
    /// `established` at the last comparison.
    established: u64,
    /// The last row, to tell whether anything changed.
    row: Option<LedgerRow>,
    difference: i64,
}

/// The comparison.
pub(super) struct Ledger {
    numbers: Arc<Numbers>,
    served: Arc<Served>,
    known: Mutex<BTreeMap<Pair, Known>>,
    lost: Mutex<u64>,
}

impl Ledger {
    /// Begins with what the kernel has counted until now.
    pub(super) fn new(
        numbers: Arc<Numbers>,
        served: Arc<Served>,
        rows: &[LedgerRow],
        counters: &Counters,
    ) -> Self {
        let begin = |row: &LedgerRow| {
            let known = Known {
                baseline: row.established,
                established: row.established,
                ..Known::default()
            };
            ((row.workload, row.service), known)
        };
        Self {
            numbers,
            served,
            known: Mutex::new(rows.iter().map(begin).collect()),
            lost: Mutex::new(counters.total(Verdict::EventLost)),
        }
    }

    /// Every pair as it is now. Nothing is remembered.
    pub(super) fn look(&self, rows: &[LedgerRow]) -> Vec<LedgerEntry> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter()
            .filter(|row| !canary::is(row.service))
            .map(|row| {
                let known = known.get(&(row.workload, row.service)).copied();
                self.entry(row, &known.unwrap_or_default())
            })
            .collect()
    }

    /// Compares, remembers, and gives what is to be written down: rows that changed, and differences that are new.
    fn reconcile(&self, rows: &[LedgerRow], counters: &Counters) -> Vec<Record> {
        let mut records = Vec::new();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows.iter().filter(|row| !canary::is(row.service)) {
            let known = known.entry((row.workload, row.service)).or_default();
            let entry = self.entry(row, known);
            let changed = known.row != Some(*row) || known.difference != entry.difference;
            let worse = entry.difference != 0 && known.difference != entry.difference;
            *known = Known {
                baseline: known.baseline,
                established: row.established,
                row: Some(*row),
                difference: entry.difference,
            };
            if worse {
                records.push(differs(&entry));
            }
            if changed {
                records.push(Record::Ledger(Box::new(entry)));
            }
        }
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let now_lost = counters.total(Verdict::EventLost);
        if now_lost > *lost {
            records.push(detailed(
                "events_lost",
                "kernel",
                format!(
                    "{} events of the kernel found no room: their refusals are counted, not told",
                    now_lost - *lost
                ),
                BTreeMap::from([("lost".to_owned(), (now_lost - *lost).to_string())]),
            ));
            *lost = now_lost;
        }
        records
    }

    fn entry(&self, row: &LedgerRow, known: &Known) -> LedgerEntry {
        let sessions = known
            .baseline
            .saturating_add(self.served.of((row.workload, row.service)));
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        // Established by the last comparison and still not served; or, which can't be, served without being established.
        let difference = (signed(known.established) - signed(sessions))
            .max(0)
            .saturating_sub((signed(sessions) - signed(row.established)).max(0));
        let mut flags = Vec::new();
        if row.observed > 0 {
            flags.push(format!("observed={}", row.observed));
        }
        LedgerEntry {
            at: now(),
            workload: self.numbers.workload(row.workload),
            service: self.numbers.service(row.service),
            seen: row.seen,
            redirected: row.redirected,
            refused: row.refused,
            exempt: row.exempt,
            failed_open: row.failed_open,
            established: row.established,
            sessions,
            pending: signed(row.established) - signed(sessions) - difference,
            difference,
            flags,
        }
    }
}

fn differs(entry: &LedgerEntry) -> Record {
    let message = format!(
        "{} connections of {} to {} were established and never became sessions",
        entry.difference, entry.workload, entry.service
    );
    let detail = BTreeMap::from([
        ("workload".to_owned(), entry.workload.clone()),
        ("service".to_owned(), entry.service.clone()),
        ("established".to_owned(), entry.established.to_string()),
        ("sessions".to_owned(), entry.sessions.to_string()),
        ("difference".to_owned(), entry.difference.to_string()),
    ]);
    tracing::error!("{message}");
    detailed("ledger_difference", "daemon", message, detail)
}

/// Compares every few seconds, for as long as the programs are attached.
pub(super) async fn keep(ledger: Arc<Ledger>, programs: Arc<interdict_kernel::Kernel>, audit: Arc<Audit>) {
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let counted = programs
            .ledger()
            .and_then(|rows| Ok((rows, programs.counters()?)));
        let records = match counted {
            Ok((rows, counters)) => ledger.reconcile(&rows, &counters),
            Err(error) => {
                tracing::error!(%error, "the ledger could not be read");
                continue;
            }
        };
        if !records.is_empty()
            && let Err(error) = audit.append(records).await
        {
            tracing::error!(%error, "the ledger is not on the record");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(established: u64) -> LedgerRow {
        LedgerRow {
            workload: 1,
            service: 2,
            seen: established,
            redirected: established,
            established,
            ..LedgerRow::default()
        }
    }

    fn ledger(before: u64) -> (Ledger, Arc<Served>) {
        let served = Arc::new(Served::default());
        let ledger = Ledger::new(
            Arc::new(Numbers::default()),
            Arc::clone(&served),
            &[row(before)],
            &Counters::default(),
        );
        (ledger, served)
    }

    fn kinds(records: &[Record]) -> Vec<&str> {
        records
            .iter()
            .map(|record| match record {
                Record::Ledger(_) => "ledger",
                Record::Event(event) => event.kind.as_str(),
                _ => "other",
            })
            .collect()
    }

    #[test]
    fn what_is_being_accepted_is_pending_and_what_never_is_differs() {
        let (ledger, served) = ledger(100);
        let counters = Counters::default();
        assert_eq!(kinds(&ledger.reconcile(&[row(100)], &counters)), ["ledger"]);
        served.count(1, 2);
        // One served, one on its way.
        let records = ledger.reconcile(&[row(102)], &counters);
        assert_eq!(kinds(&records), ["ledger"]);
        let Record::Ledger(entry) = &records[0] else {
            panic!()
        };
        assert_eq!((entry.sessions, entry.pending, entry.difference), (101, 1, 0));
        // It is still missing at the next comparison.
        let records = ledger.reconcile(&[row(102)], &counters);
        assert_eq!(kinds(&records), ["ledger_difference", "ledger"]);
        // Told once.
        assert!(ledger.reconcile(&[row(102)], &counters).is_empty());
        // It was only late.
        served.count(1, 2);
        let records = ledger.reconcile(&[row(102)], &counters);
        assert_eq!(kinds(&records), ["ledger"]);
    }

    #[test]
    fn a_session_that_no_hook_saw_differs_too() {
        let (ledger, served) = ledger(0);
        served.count(1, 2);
        let records = ledger.reconcile(&[row(0)], &Counters::default());
        assert_eq!(kinds(&records), ["ledger_difference", "ledger"]);
    }
}
