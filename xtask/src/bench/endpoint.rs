//! Something that clients connect to.

use std::fs;
use std::time::Duration;

/// A port, and the process whose CPU time a connection costs.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) name: &'static str,
    pub(super) port: u16,
    /// None for the server itself, which has a process a connection.
    pub(super) process: Option<u32>,
    /// Whether what comes through it is to be masked.
    pub(super) masks: bool,
}

/// The kernel's unit in /proc: USER_HZ is 100 on every Linux that interdict runs on.
pub(super) const TICK: Duration = Duration::from_millis(10);

impl Endpoint {
    /// CPU time that its process has used up to now.
    pub(super) fn cpu(&self) -> Duration {
        self.process
            .and_then(|id| fs::read_to_string(format!("/proc/{id}/stat")).ok())
            .and_then(|stat| ticks(&stat))
            .map_or(Duration::ZERO, |ticks| TICK * ticks)
    }
}

/// User and system time, fields 14 and 15; the name before them may hold blanks and parentheses.
pub(super) fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_does_not_shift_the_fields() {
        assert_eq!(ticks("7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0"), Some(42));
    }

    #[test]
    fn our_own_time_grows() {
        let me = Endpoint {
            name: "me",
            port: 0,
            process: Some(std::process::id()),
            masks: false,
        };
        let before = me.cpu();
        let started = std::time::Instant::now();
        while started.elapsed() < Duration::from_millis(80) {}
        assert!(me.cpu() > before);
    }
}
