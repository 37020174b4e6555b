//! `admin.metrics`: numbers in Prometheus' text format. What is counted is what is on record, so that the two agree.
//!
//! Labels are names from the settings and words from our own code: never an identity, a statement, or anything a caller chose.

mod counts;
mod serve;
mod text;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use interdict_audit::{Audit, Observer, Observers};
use interdict_fleet::stream;
use interdict_proxy::Live;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(super) use self::counts::Counts;
use self::text::Page;
use super::fleet::States;
use crate::settings::Settings;

/// What a scrape looks at.
struct Sources {
    counts: Arc<Counts>,
    audit: Arc<Audit>,
    live: Arc<Live>,
    away: States,
    journal: std::path::PathBuf,
    started: f64,
}

impl Counts {
    /// Counts from the first row on, where metrics are wanted.
    pub(super) fn new(settings: &Settings, observers: &mut Observers) -> Option<Arc<Self>> {
        settings.admin.metrics?;
        let services = settings.services.iter().map(|one| one.name.clone());
        let workloads = settings.workloads.iter().map(|one| one.name.clone());
        let counts = Arc::new(Self::of(services, workloads));
        observers.add(Arc::clone(&counts) as Arc<dyn Observer>);
        Some(counts)
    }
}

/// Listens, where metrics are wanted.
pub(super) async fn serve(
    settings: &Settings,
    counts: Option<Arc<Counts>>,
    audit: &Arc<Audit>,
    live: &Arc<Live>,
    away: States,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let (Some(address), Some(counts)) = (settings.admin.metrics, counts) else {
        return Ok(());
    };
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("listening on {address} (`admin.metrics`)"))?;
    let sources = Arc::new(Sources {
        counts,
        audit: Arc::clone(audit),
        live: Arc::clone(live),
        away,
        journal: settings.audit.directory.join("journal"),
        started: crate::record::now() as f64 / 1e6,
    });
    tasks.spawn(serve::run(listener, move || {
        let sources = Arc::clone(&sources);
        async move { sources.page().await }
    }));
    Ok(())
}

impl Sources {
    async fn page(&self) -> String {
        let mut page = Page::default();
        page.family(
            "interdict_build_info",
            "gauge",
            "The version that runs; always 1.",
        );
        page.sample(
            "interdict_build_info",
            &[("version", env!("CARGO_PKG_VERSION"))],
            1.0,
        );
        page.family(
            "interdict_start_time_seconds",
            "gauge",
            "When the daemon started, as Unix time.",
        );
        page.sample("interdict_start_time_seconds", &[], self.started);
        self.counts.write(&mut page);
        self.sessions(&mut page);
        self.audit(&mut page).await;
        self.away(&mut page);
        page.finish()
    }

    fn sessions(&self, page: &mut Page) {
        page.family("interdict_sessions_open", "gauge", "Open sessions.");
        for ((workload, service), open) in self.live.counts() {
            let labels = [
                ("service", service.as_str()),
                ("workload", workload.as_deref().unwrap_or("-")),
            ];
            page.sample("interdict_sessions_open", &labels, open as f64);
        }
    }

    async fn audit(&self, page: &mut Page) {
        let health = self.audit.health();
        page.family(
            "interdict_audit_healthy",
            "gauge",
            "Whether the journal and the segments can be written. Without the journal every statement is refused.",
        );
        for (part, error) in [("journal", &health.journal), ("segments", &health.segments)] {
            page.sample(
                "interdict_audit_healthy",
                &[("part", part)],
                f64::from(u8::from(error.is_none())),
            );
        }
        page.family(
            "interdict_audit_queue_bytes",
            "gauge",
            "Bytes of records that wait for the journal.",
        );
        page.sample(
            "interdict_audit_queue_bytes",
            &[],
            self.audit.queued_bytes() as f64,
        );
        let journal = std::fs::read_dir(&self.journal).into_iter().flatten().flatten();
        let journal: u64 = journal.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
        page.family(
            "interdict_audit_journal_bytes",
            "gauge",
            "Bytes of the journal: what no segment has yet.",
        );
        page.sample("interdict_audit_journal_bytes", &[], journal as f64);
        page.family(
            "interdict_audit_sync_seconds",
            "histogram",
            "How long the disk took to make the journal durable. Statements wait for it.",
        );
        page.timing("interdict_audit_sync_seconds", &[], self.audit.syncs());
        if let Ok(grants) = self.audit.grants().await {
            page.family(
                "interdict_grants",
                "gauge",
                "Grants that are not over, or not reviewed though somebody should.",
            );
            page.sample("interdict_grants", &[], grants.len() as f64);
        }
    }

    fn away(&self, page: &mut Page) {
        let streams = &self.away.streams;
        let mut each =
            |name: &'static str, kind: &'static str, help: &'static str, value: fn(&stream::State) -> f64| {
                page.family(name, kind, help);
                for (stream, state) in streams {
                    page.sample(name, &[("stream", stream)], value(state));
                }
            };
        each(
            "interdict_stream_delivered_total",
            "counter",
            "Rows that a stream's receiver acknowledged.",
            |state| state.delivered.load(Ordering::Relaxed) as f64,
        );
        each(
            "interdict_stream_refused_total",
            "counter",
            "Rows that a stream's receiver did not want.",
            |state| state.refused.load(Ordering::Relaxed) as f64,
        );
        each(
            "interdict_stream_lag_rows",
            "gauge",
            "Rows that a stream has yet to deliver.",
            |state| state.lag.load(Ordering::Relaxed) as f64,
        );
        each(
            "interdict_stream_healthy",
            "gauge",
            "Whether the last delivery worked.",
            |state| f64::from(u8::from(state.error().is_none())),
        );
        page.family(
            "interdict_ship_files_total",
            "counter",
            "Files that the object store confirmed.",
        );
        page.family("interdict_ship_bytes_total", "counter", "Their bytes.");
        page.family(
            "interdict_ship_waiting_files",
            "gauge",
            "Files that the object store has yet to confirm.",
        );
        page.family(
            "interdict_ship_healthy",
            "gauge",
            "Whether the last try to ship worked.",
        );
        if let Some(ship) = &self.away.ship {
            page.sample(
                "interdict_ship_files_total",
                &[],
                ship.files.load(Ordering::Relaxed) as f64,
            );
            page.sample(
                "interdict_ship_bytes_total",
                &[],
                ship.bytes.load(Ordering::Relaxed) as f64,
            );
            page.sample(
                "interdict_ship_waiting_files",
                &[],
                ship.waiting.load(Ordering::Relaxed) as f64,
            );
            page.sample(
                "interdict_ship_healthy",
                &[],
                f64::from(u8::from(ship.error().is_none())),
            );
        }
    }
}
