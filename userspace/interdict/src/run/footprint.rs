//! Memory of a daemon that has nothing to do.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// How often it is asked what was done.
const INTERVAL: Duration = Duration::from_secs(10);
/// Less CPU time than this in an interval is nothing: the heartbeat, and looking around.
const NOTHING: Duration = Duration::from_millis(100);

/// Lets go of the program's pages, once whenever nothing is done any more, for ever.
pub(super) async fn keep() {
    let mut idle = Idle::new(spent());
    let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + INTERVAL, INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if !idle.begins(spent()) {
            continue;
        }
        match interdict_kernel::forget_program() {
            Ok(bytes) => tracing::debug!(bytes, "idle: let go of pages of the program"),
            Err(error) => {
                tracing::debug!(%error, "pages of the program stay");
                return;
            }
        }
    }
}

/// CPU time of the process so far.
fn spent() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Into::into)
}

/// Whether anything was done lately.
struct Idle {
    spent: Duration,
    known: bool,
}

impl Idle {
    const fn new(spent: Duration) -> Self {
        Self { spent, known: false }
    }

    /// Whether nothing was done since it was asked last, for the first time.
    fn begins(&mut self, spent: Duration) -> bool {
        let is_idle = spent.saturating_sub(std::mem::replace(&mut self.spent, spent)) < NOTHING;
        let was = std::mem::replace(&mut self.known, is_idle);
        is_idle && !was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_each_time_that_nothing_is_done() {
        let mut idle = Idle::new(Duration::ZERO);
        let asked = [50, 60, 70, 400, 450, 460, 3000].map(|spent| idle.begins(Duration::from_millis(spent)));
        assert_eq!(asked, [true, false, false, false, true, false, false]);
    }
}
