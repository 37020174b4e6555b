//! The proof of the record, run beside everything else.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use interdict_audit::Report;

use crate::{Console, Kind, Refusal};

/// Between two runs: each reads all of the record.
const PAUSE: Duration = Duration::from_secs(10);

/// What is known of the record's soundness.
#[derive(Debug, Default)]
pub(crate) struct Verification(Mutex<State>);

/// Where it stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Since when one runs.
    pub(crate) running: Option<Instant>,
    pub(crate) last: Option<Arc<Outcome>>,
}

/// What the last run said.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// When it ended, in microseconds since the Unix epoch.
    pub(crate) at: i64,
    pub(crate) took: Duration,
    pub(crate) report: Result<Report, String>,
    ended: Instant,
}

impl Outcome {
    pub(crate) fn is_sound(&self) -> bool {
        self.report.as_ref().is_ok_and(Report::sound)
    }
}

impl Verification {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Takes the turn.
    fn take(&self) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.running.is_some() {
            return Err(Refusal::new(Kind::TooMany, "it runs already"));
        }
        if state
            .last
            .as_ref()
            .is_some_and(|last| last.ended.elapsed() < PAUSE)
        {
            return Err(Refusal::new(
                Kind::TooMany,
                "it ended a moment ago: look at what it said",
            ));
        }
        state.running = Some(Instant::now());
        Ok(())
    }

    fn done(&self, report: Result<Report, String>) {
        let mut state = self.lock();
        let took = state
            .running
            .take()
            .map_or(Duration::ZERO, |since| since.elapsed());
        state.last = Some(Arc::new(Outcome {
            at: jiff::Timestamp::now().as_microsecond(),
            took,
            report,
            ended: Instant::now(),
        }));
    }
}

/// Begins a run, unless one is under way.
pub(crate) fn start(console: &Arc<Console>) -> Result<(), Refusal> {
    console.verification.take()?;
    let console = Arc::clone(console);
    tokio::spawn(async move {
        let directory = console.browser.directory().to_owned();
        let run = tokio::task::spawn_blocking(move || prove(&directory)).await;
        console
            .verification
            .done(run.unwrap_or_else(|_| Err("it ended in a defect of this program".to_owned())));
    });
    Ok(())
}

fn prove(directory: &Path) -> Result<Report, String> {
    interdict_audit::verify(directory).map_err(|error| error.to_string())
}
