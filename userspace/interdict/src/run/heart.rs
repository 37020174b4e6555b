//! The heartbeat: the kernel refuses protected destinations when it stops, so it is given only while the data path moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use interdict_proxy::Workers;
use sd_notify::NotifyState;

/// How often the threads are looked at.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long a thread may stand still before the daemon counts as hanging. Shorter than the least heartbeat that the settings
/// take.
const STILL: Duration = Duration::from_millis(1500);

/// Which threads move.
struct Moving {
    seen: Vec<(u64, Instant)>,
}

impl Moving {
    fn new(pulses: &[u64], now: Instant) -> Self {
        Self {
            seen: pulses.iter().map(|pulse| (*pulse, now)).collect(),
        }
    }

    /// Whether every thread has moved lately.
    fn all(&mut self, pulses: &[u64], now: Instant) -> bool {
        for (seen, pulse) in self.seen.iter_mut().zip(pulses) {
            if seen.0 != *pulse {
                *seen = (*pulse, now);
            }
        }
        self.seen
            .iter()
            .all(|(_, at)| now.saturating_duration_since(*at) < STILL)
    }
}

/// Beats for ever: to the kernel where it is attached, and to systemd if it watches.
pub(super) async fn keep(programs: Option<Arc<interdict_kernel::Kernel>>, workers: Arc<Workers>) {
    let watched = sd_notify::watchdog_enabled().is_some();
    let mut moving = Moving::new(&workers.pulses(), Instant::now());
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut well = true;
    loop {
        tick.tick().await;
        let moves = moving.all(&workers.pulses(), Instant::now());
        if moves != well {
            well = moves;
            if moves {
                tracing::info!("the session threads move again");
            } else {
                tracing::error!("a session thread stands still: protected destinations will be refused");
            }
        }
        if !moves {
            continue;
        }
        if let Some(programs) = &programs
            && let Err(error) = programs.beat()
        {
            tracing::error!(%error, "the heartbeat did not reach the kernel");
        }
        if watched {
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_stands_still_is_enough() {
        let start = Instant::now();
        let mut moving = Moving::new(&[0, 0], start);
        assert!(moving.all(&[1, 1], start + Duration::from_secs(1)));
        assert!(moving.all(&[2, 1], start + Duration::from_secs(2)));
        assert!(!moving.all(&[3, 1], start + Duration::from_secs(3)));
        assert!(moving.all(&[4, 2], start + Duration::from_secs(4)));
    }
}
