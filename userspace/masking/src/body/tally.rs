//! What was done.

use std::collections::BTreeMap;

/// Counts over a body, or over several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Values that a mask was put on, by the mask's label; [`Tally::EVERYTHING`] for those of no selector.
    pub masked: BTreeMap<Box<str>, u64>,
    /// What detectors found, by the detector's name.
    pub detected: BTreeMap<Box<str>, u64>,
    /// Values seen: JSON's strings, numbers, booleans and nulls, fields of forms and rows, windows of text.
    pub values: u64,
    /// With a plan that is [collecting](super::BodyPlanBuilder::collecting): the values that selectors name, as they read, each with
    /// its selector's label; `None` for one that was too long to be held. To be taken out while the body passes.
    pub read: Vec<(Box<str>, Option<Vec<u8>>)>,
}

impl Tally {
    /// The label of values that are masked because all are.
    pub const EVERYTHING: &str = "everything";

    /// Whether nothing was changed.
    pub fn is_clean(&self) -> bool {
        self.masked.is_empty() && self.detected.is_empty()
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: Self) {
        for (counts, others) in [
            (&mut self.masked, other.masked),
            (&mut self.detected, other.detected),
        ] {
            for (name, count) in others {
                let sum = counts.entry(name).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        self.values = self.values.saturating_add(other.values);
        self.read.extend(other.read);
    }

    pub(super) fn mask(&mut self, label: &str) {
        count(&mut self.masked, label);
    }

    pub(super) fn detect(&mut self, name: &str) {
        count(&mut self.detected, name);
    }
}

fn count(counts: &mut BTreeMap<Box<str>, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count = count.saturating_add(1),
        None => {
            counts.insert(name.into(), 1);
        }
    }
}
