//! What clients have to say at the end.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

/// One line of JSON.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Outcome {
    /// Statements, requests or rows.
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    /// Of answers.
    pub(crate) bytes: u64,
    /// Of what was timed by itself: statements, transactions or requests.
    pub(crate) p10_us: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
}

impl Outcome {
    /// `times`: of everything that was timed by itself, by all clients.
    pub(crate) fn new(operations: u64, took: Duration, bytes: u64, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |hundredths: usize| {
            let place = (times.len() * hundredths / 100).min(times.len().saturating_sub(1));
            times.get(place).map(|time| time.as_secs_f64() * 1e6)
        };
        Self {
            operations,
            seconds: took.as_secs_f64(),
            bytes,
            p10_us: at(10),
            p50_us: at(50),
            p99_us: at(99),
        }
    }

    pub(crate) fn print(&self) -> Result<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_slowest_hundredth() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_micros).collect();
        let outcome = Outcome::new(200, Duration::from_secs(2), 7, times);
        assert_eq!((outcome.p50_us, outcome.p99_us), (Some(101.0), Some(199.0)));
        assert_eq!(Outcome::new(0, Duration::ZERO, 0, Vec::new()).p50_us, None);
    }
}
