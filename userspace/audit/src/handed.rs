//! Records on their way from the journal's writer to the keeper, without a way through the file and its format: the keeper reads the
//! journal only where they are missing here. Only what is durable is handed over, so whatever the keeper makes of it a restart would
//! make of the journal as well.

use std::sync::{Mutex, PoisonError};

use interdict_record::Record;

/// Bytes of journal that may lie here. What comes beyond is read from the journal.
const MOST: u64 = 8 << 20;

/// The records of consecutive entries.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The sequence of the first.
    pub(crate) first: u64,
    pub(crate) records: Vec<Record>,
    /// Bytes that they take in the journal.
    pub(crate) bytes: u64,
}

/// What the keeper has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Handed(Mutex<Lying>);

#[derive(Debug, Default)]
struct Lying {
    batches: Vec<Batch>,
    bytes: u64,
}

impl Handed {
    /// Hands over what follows all before. Nothing of it is kept from where it is too much.
    pub(crate) fn give(&self, batches: impl IntoIterator<Item = Batch>) {
        let mut lying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for batch in batches {
            let bytes = lying.bytes.saturating_add(batch.bytes);
            if bytes > MOST {
                return;
            }
            lying.bytes = bytes;
            lying.batches.push(batch);
        }
    }

    /// All of it, in order; there may be gaps.
    pub(crate) fn take(&self) -> Vec<Batch> {
        let mut lying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lying.bytes = 0;
        std::mem::take(&mut lying.batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first: u64, bytes: u64) -> Batch {
        let records = vec![Record::Event(Box::default())];
        Batch {
            first,
            records,
            bytes,
        }
    }

    fn firsts(handed: &Handed) -> Vec<u64> {
        handed.take().iter().map(|batch| batch.first).collect()
    }

    #[test]
    fn what_is_too_much_is_left_to_the_journal() {
        let handed = Handed::default();
        handed.give([batch(1, 10), batch(2, MOST - 10), batch(3, 1)]);
        assert_eq!(firsts(&handed), [1, 2]);
        handed.give([batch(4, MOST + 1), batch(5, 1)]);
        assert_eq!(
            firsts(&handed),
            [0; 0],
            "what follows a gap would have to be read anyway"
        );
        handed.give([batch(6, 1)]);
        assert_eq!(firsts(&handed), [6]);
    }
}
