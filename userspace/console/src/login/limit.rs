//! How often somebody may try to come in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one address within [`WINDOW`].
const MOST: u32 = 20;
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses that are remembered; more are one.
const REMEMBERED: usize = 10_000;

/// Failed attempts by address. What is right is let in whatever failed before: otherwise anybody on this host could keep all others out.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>);

impl Attempts {
    /// Counts a failure. True: there were too many.
    pub(crate) fn failed(&self, from: IpAddr) -> bool {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if attempts.len() >= REMEMBERED {
            attempts.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        }
        let key = (attempts.len() < REMEMBERED || attempts.contains_key(&Some(from))).then_some(from);
        let (since, count) = attempts.entry(key).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_stopped_and_others_are_not() {
        let attempts = Attempts::default();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let stopped: Vec<bool> = (0..=MOST).map(|_| attempts.failed(one)).collect();
        assert_eq!(stopped.iter().filter(|stopped| **stopped).count(), 1);
        assert!(!attempts.failed(other));
    }
}
