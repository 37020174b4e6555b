//! Which segments there should be, as the seals say: what was published, less what was deleted with a receipt, and with the merged in
//! the place of what they were made of.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::compact::swap::replaced_by;
use crate::seal::{Leaf, Seal, SealKind};

/// A segment with the number of its seal.
type Numbered = (Leaf, u64);

/// A merged segment with what it took the place of.
type Merged = (Numbered, Vec<Numbered>);

/// What the seals say.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    /// Every segment that should be there, by its path, with its seal's number.
    pub(super) present: HashMap<String, (Leaf, u64)>,
    /// Every segment that was deleted with a receipt.
    pub(super) deleted: Vec<Leaf>,
    /// Every merged segment with what it took the place of, in the order of the seals.
    pub(super) merged: Vec<Merged>,
    /// By table: the highest row that a seal covers.
    pub(super) heads: BTreeMap<String, u64>,
    pub(super) any: bool,
}

impl Sealed {
    /// Takes what a compaction's seal says. Its new segments must have the very rows of the old ones: the same numbers, between the same
    /// hashes.
    pub(super) fn merge(&mut self, seal: &Seal) -> Result<(), String> {
        if seal.kind != SealKind::Compaction {
            return if seal.replaced.is_empty() {
                Ok(())
            } else {
                Err("it replaces segments, and is no compaction".to_owned())
            };
        }
        let mut taken: usize = 0;
        for new in &seal.segments {
            let mut old = Vec::new();
            for leaf in replaced_by(seal, new) {
                match self.present.remove(&leaf.path) {
                    Some((known, number)) if known == *leaf => old.push((known, number)),
                    _ => {
                        return Err(format!(
                            "it replaces {}, which was not sealed like that",
                            leaf.path
                        ));
                    }
                }
            }
            taken = taken.saturating_add(old.len());
            old.sort_by_key(|(leaf, _)| leaf.first_seq);
            let same = old
                .first()
                .zip(old.last())
                .is_some_and(|((first, _), (last, _))| {
                    (first.first_seq, last.last_seq) == (new.first_seq, new.last_seq)
                        && (first.first_previous_hash, last.last_hash)
                            == (new.first_previous_hash, new.last_hash)
                        && old.iter().map(|(leaf, _)| leaf.rows).sum::<u64>() == new.rows
                });
            if !same {
                return Err(format!("{} has not the rows of what it replaces", new.path));
            }
            self.merged.push(((new.clone(), seal.number), old));
        }
        if taken == seal.replaced.len() {
            Ok(())
        } else {
            Err("it replaces segments whose rows it puts nowhere".to_owned())
        }
    }

    /// What should be there, seen from what is: a copy that has the segments of before a compaction, such as an object store, is as good.
    /// Gives the files that are on their way out, because the merged one is there as well, or was deleted with a receipt.
    pub(super) fn as_found(&mut self, here: &HashSet<String>) -> HashSet<String> {
        let mut leaving = HashSet::new();
        let merged = std::mem::take(&mut self.merged);
        for (at, ((new, _), old)) in merged.iter().enumerate().rev() {
            let paths = old.iter().map(|(leaf, _)| &leaf.path);
            if here.contains(&new.path) || self.deleted.contains(new) {
                leaving.extend(paths.filter(|path| here.contains(*path)).cloned());
            } else if self.present.contains_key(&new.path)
                && any_of(old, merged.get(..at).unwrap_or_default(), here)
            {
                self.present.remove(&new.path);
                let old = old.iter().map(|one| (one.0.path.clone(), one.clone()));
                self.present.extend(old);
            }
        }
        leaving
    }
}

/// Whether any of these is here, or any of what they were made of.
fn any_of(leaves: &[Numbered], before: &[Merged], here: &HashSet<String>) -> bool {
    leaves.iter().any(|(leaf, _)| {
        here.contains(&leaf.path)
            || before
                .iter()
                .position(|((new, _), _)| new == leaf)
                .and_then(|at| Some((before.get(at)?, before.get(..at)?)))
                .is_some_and(|((_, old), before)| any_of(old, before, here))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(first: u64, last: u64) -> Leaf {
        Leaf {
            table: "statements".to_owned(),
            path: format!("statements/date=2026-03-01/{first}-{last}-h.parquet"),
            rows: last - first + 1,
            first_seq: first,
            last_seq: last,
            bytes: 100,
            sha256: [first as u8; 32],
            first_previous_hash: [first as u8; 32],
            last_hash: [last as u8 + 1; 32],
        }
    }

    fn compaction(new: Leaf, replaced: Vec<Leaf>) -> Seal {
        let text = r#"{"format":"interdict-audit-seal-1","number":3,"kind":"compaction","host":"h","boot_id":"b",
            "made_at":"2026-03-02T00:00:00Z","previous":"0000000000000000000000000000000000000000000000000000000000000000","key":"k",
            "public_key":"p","segments":[],"root":"0000000000000000000000000000000000000000000000000000000000000000","heads":{},
            "policies":{"at":0,"digests":{}},"holds":[]}"#;
        let mut seal: Seal = serde_json::from_str(text).unwrap();
        (seal.segments, seal.replaced) = (vec![new], replaced);
        seal
    }

    fn merge(seal: &Seal) -> Result<(), String> {
        let mut sealed = Sealed::default();
        for leaf in [leaf(1, 4), leaf(5, 9), leaf(20, 25)] {
            sealed.present.insert(leaf.path.clone(), (leaf, 1));
        }
        sealed.merge(seal)
    }

    #[test]
    fn a_compaction_says_what_has_the_same_rows() {
        let old = || vec![leaf(1, 4), leaf(5, 9)];
        let new = || leaf(1, 9);
        assert_eq!(merge(&compaction(new(), old())), Ok(()));
        let wrong: [(&str, Seal); 7] = [
            ("a row fewer", compaction(Leaf { rows: 8, ..new() }, old())),
            (
                "another end",
                compaction(
                    Leaf {
                        last_hash: [7; 32],
                        ..new()
                    },
                    old(),
                ),
            ),
            (
                "another beginning",
                compaction(
                    Leaf {
                        first_previous_hash: [7; 32],
                        ..new()
                    },
                    old(),
                ),
            ),
            ("more numbers than there were", compaction(leaf(1, 10), old())),
            (
                "what was never sealed",
                compaction(
                    new(),
                    vec![
                        leaf(1, 4),
                        Leaf {
                            bytes: 99,
                            ..leaf(5, 9)
                        },
                    ],
                ),
            ),
            (
                "rows that go nowhere",
                compaction(new(), [old(), vec![leaf(20, 25)]].concat()),
            ),
            ("nothing replaced", compaction(new(), Vec::new())),
        ];
        for (what, seal) in wrong {
            assert!(merge(&seal).is_err(), "{what}");
        }
        let other = Seal {
            kind: SealKind::Publish,
            ..compaction(new(), old())
        };
        assert!(merge(&other).is_err(), "no compaction");
    }
}
