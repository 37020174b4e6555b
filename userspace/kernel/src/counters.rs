//! What the programs counted.

use interdict_abi::{Hook, Verdict, counter};
use serde::Serialize;

/// One number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Where.
    pub hook: Hook,
    /// What.
    pub verdict: Verdict,
    /// How often since the programs were first attached.
    pub count: u64,
}

/// All numbers, summed over the processors. They outlive the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(Vec<u64>);

impl Counters {
    pub(crate) fn new(sums: Vec<u64>) -> Self {
        Self(sums)
    }

    /// One number.
    #[must_use]
    pub fn get(&self, hook: Hook, verdict: Verdict) -> u64 {
        self.0.get(counter(hook, verdict) as usize).copied().unwrap_or(0)
    }

    /// A verdict's number over all hooks.
    #[must_use]
    pub fn total(&self, verdict: Verdict) -> u64 {
        Hook::ALL.iter().map(|&hook| self.get(hook, verdict)).sum()
    }

    /// Every pair of hook and verdict, also those that are 0.
    pub fn iter(&self) -> impl Iterator<Item = Counter> + '_ {
        Hook::ALL.into_iter().flat_map(move |hook| {
            Verdict::ALL.into_iter().map(move |verdict| Counter {
                hook,
                verdict,
                count: self.get(hook, verdict),
            })
        })
    }
}

/// As a map of hooks, each a map of verdicts, without those that are 0.
impl Serialize for Counters {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hooks = Hook::ALL.into_iter().map(|hook| {
            let verdicts: std::collections::BTreeMap<_, _> = Verdict::ALL
                .into_iter()
                .map(|verdict| (verdict.name(), self.get(hook, verdict)))
                .filter(|(_, count)| *count > 0)
                .collect();
            (hook.name(), verdicts)
        });
        serializer.collect_map(hooks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_name() {
        let mut sums = vec![0; interdict_abi::COUNTERS];
        sums[counter(Hook::Connect4, Verdict::Redirected) as usize] = 4;
        sums[counter(Hook::Connect6, Verdict::Redirected) as usize] = 3;
        let counters = Counters::new(sums);
        assert_eq!(counters.get(Hook::Connect4, Verdict::Redirected), 4);
        assert_eq!(counters.total(Verdict::Redirected), 7);
        assert_eq!(counters.iter().filter(|counter| counter.count > 0).count(), 2);
        let json = serde_json::to_value(&counters).unwrap();
        assert_eq!(json["connect6"]["redirected"], 3);
    }
}
