//! How long things take, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in microseconds: a fast disk's flush takes 50, a slow one's 20,000.
const BOUNDS: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000,
];

/// Durations, counted by how long they were.
#[derive(Debug, Default)]
pub struct Timing {
    counts: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Timing {
    /// Counts one.
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bound, count) in BOUNDS.iter().zip(&self.counts) {
            if micros <= *bound {
                count.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Upper bounds in seconds, each with how many took no longer; ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut total = 0;
        BOUNDS.iter().zip(&self.counts).map(move |(bound, count)| {
            total += count.load(Ordering::Relaxed);
            (*bound as f64 / 1e6, total)
        })
    }

    /// How many there were, and their sum in seconds.
    pub fn total(&self) -> (u64, f64) {
        (
            self.count.load(Ordering::Relaxed),
            self.micros.load(Ordering::Relaxed) as f64 / 1e6,
        )
    }
}
