//! How many different values a caller has tried by equality on a masked column.
//!
//! Values are kept as keyed hashes, for as long as the policy says, in memory: a restart of the daemon forgets them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use ahash::RandomState;
use interdict_policy::ProbeBudget;
use interdict_record::Micros;

/// Locks, so that callers seldom meet at one.
const SHARDS: usize = 16;

/// What all sessions have tried.
#[derive(Debug)]
pub struct Probes {
    hasher: RandomState,
    shards: [Mutex<HashMap<Who, Window>>; SHARDS],
}

/// A caller and a column.
type Who = (String, String);

#[derive(Debug)]
struct Window {
    since: Micros,
    values: HashSet<u64, RandomState>,
}

impl Default for Probes {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Probes {
    /// A value as it is counted.
    pub(crate) fn value(&self, value: &str) -> u64 {
        self.hasher.hash_one(value)
    }

    /// Counts values that a caller tries on a column; false if that would be more than the budget allows, and then none of
    /// them counts.
    pub(crate) fn spend(
        &self,
        caller: &str,
        column: &str,
        values: &[u64],
        budget: ProbeBudget,
        now: Micros,
    ) -> bool {
        let who = (caller.to_owned(), column.to_owned());
        let shard = self.hasher.hash_one(&who) as usize % SHARDS;
        let Some(shard) = self.shards.get(shard) else {
            return false;
        };
        // A poisoned lock means that a thread panicked between two plain stores; the data is still whole.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let window = shard.entry(who).or_insert_with(|| Window {
            since: now,
            values: HashSet::default(),
        });
        let per = i64::try_from(budget.per.as_micros()).unwrap_or(i64::MAX);
        if now.saturating_sub(window.since) >= per {
            window.since = now;
            window.values.clear();
        }
        let new: HashSet<u64> = values
            .iter()
            .copied()
            .filter(|value| !window.values.contains(value))
            .collect();
        if window.values.len() + new.len() > budget.distinct as usize {
            return false;
        }
        window.values.extend(new);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_value_counts_once_until_its_time_is_over() {
        let probes = Probes::default();
        let budget = ProbeBudget {
            distinct: 2,
            per: Duration::from_mins(1),
        };
        let spend = |caller: &str, values: &[&str], now| {
            let values: Vec<_> = values.iter().map(|value| probes.value(value)).collect();
            probes.spend(caller, "s.t.ssn", &values, budget, now)
        };
        assert!(spend("a", &["1"], 0));
        assert!(spend("a", &["1", "2", "2"], 1));
        assert!(!spend("a", &["3"], 2));
        assert!(spend("a", &["2"], 3), "what was tried may be tried again");
        assert!(spend("b", &["3"], 3), "callers are counted apart");
        assert!(!spend("b", &["4", "5"], 3));
        assert!(spend("b", &["4"], 3), "a refused statement spends nothing");
        assert!(spend("a", &["3"], 60_000_000));
    }
}
