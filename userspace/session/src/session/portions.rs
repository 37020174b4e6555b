//! Results that a client takes in portions: a cursor, a portal, a prepared statement that is fetched from. Rules about a result's size count them
//! together, or whoever asks for little at a time would never be stopped.

use std::collections::HashMap;

use ahash::RandomState;

use super::Session;
use super::recording::Tally;

/// Results of more names than this are counted together.
const MOST: usize = 1024;

/// What has been sent of results that are not over, by what names them.
#[derive(Debug, Default)]
pub(crate) struct Portions {
    known: HashMap<String, Portion, RandomState>,
    /// The most that any had that is not known any more.
    forgotten: Portion,
}

/// How much of a result was sent before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Portion {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// A person has let it go on: it is not held again.
    pub(crate) approved: bool,
}

/// Rows and bytes of a result so far, those of portions before this one too.
pub(crate) fn sent(portion: Option<&(String, Portion)>, tally: &Tally) -> (u64, u64) {
    let before = portion.map_or_else(Portion::default, |(_, portion)| *portion);
    (
        before.rows.saturating_add(tally.rows),
        before.bytes.saturating_add(tally.bytes),
    )
}

impl Session {
    /// A result of this name begins anew.
    pub(crate) fn begin_portions(&mut self, name: String) {
        if !self.portions.known.is_empty() || self.portions.forgotten.rows > 0 {
            self.portions.put(name, Portion::default());
        }
    }

    /// What was sent of it so far.
    pub(crate) fn portion(&self, name: &str) -> Portion {
        let known = self.portions.known.get(name);
        known.copied().unwrap_or(self.portions.forgotten)
    }

    /// A portion of it is over.
    pub(crate) fn end_portion(&mut self, name: String, before: Portion, tally: &Tally) {
        let sum = Portion {
            rows: before.rows.saturating_add(tally.rows),
            bytes: before.bytes.saturating_add(tally.bytes),
            approved: before.approved || tally.approval.is_some(),
        };
        self.portions.put(name, sum);
    }
}

impl Portions {
    fn put(&mut self, name: String, portion: Portion) {
        if self.known.len() >= MOST && !self.known.contains_key(&name) {
            let known = self.known.values().chain([&self.forgotten]);
            self.forgotten = known.fold(Portion::default(), |most, one| Portion {
                rows: most.rows.max(one.rows),
                bytes: most.bytes.max(one.bytes),
                approved: false,
            });
            self.known.clear();
        }
        self.known.insert(name, portion);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_counts_for_all() {
        let mut portions = Portions::default();
        for number in 0..=MOST as u64 {
            let portion = Portion {
                rows: number,
                ..Portion::default()
            };
            portions.put(number.to_string(), portion);
        }
        assert_eq!(
            (portions.known.len(), portions.forgotten.rows),
            (1, MOST as u64 - 1)
        );
    }
}
