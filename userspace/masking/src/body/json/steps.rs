//! Steps that were taken before: the members of a list's elements have the same names, all over again.

use crate::body::{
    BodyPlan,
    selector::{Number, Place, Places},
};

/// Remembers where names led to: the latest few.
#[derive(Debug, Default)]
pub(super) struct Steps {
    slots: Vec<Slot>,
    /// Of a step that is not remembered.
    places: Vec<Place>,
    /// The slot of the step that was taken last.
    last: Option<usize>,
}

/// Where a name leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step<'a> {
    pub(super) places: &'a [Place],
    pub(super) mask: Option<Number>,
    /// Detectors have looked into the name and found nothing.
    pub(super) is_clean: bool,
}

/// A key has one slot, from where the last that had it is put out.
#[derive(Clone, Debug, Default)]
struct Slot {
    key: Key,
    to: Places,
    mask: Option<Number>,
    is_clean: bool,
}

/// A power of two.
const SLOTS: usize = 32;

impl Steps {
    /// [`BodyPlan::step`]: where the name leads to, and the mask that is on it.
    pub(super) fn step(&mut self, plan: &BodyPlan, from: &[Place], name: &[u8]) -> Step<'_> {
        self.last = None;
        let Some(key) = Key::of(from, name) else {
            self.places.clear();
            let mask = plan.step(from, name, &mut self.places);
            return Step {
                places: &self.places,
                mask,
                is_clean: false,
            };
        };
        let number = key.slot();
        if self.slots.get(number).is_none_or(|slot| slot.key != key) {
            self.remember(plan, key, from, name);
        }
        self.last = Some(number);
        self.slots.get(number).map_or_else(Step::default, |slot| Step {
            places: &slot.to,
            mask: slot.mask,
            is_clean: slot.is_clean,
        })
    }

    /// Takes a step for the first time.
    #[cold]
    fn remember(&mut self, plan: &BodyPlan, key: Key, from: &[Place], name: &[u8]) {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        self.places.clear();
        let mask = plan.step(from, name, &mut self.places);
        if let Some(slot) = self.slots.get_mut(key.slot()) {
            *slot = Slot {
                key,
                mask,
                to: Places::from_slice(&self.places),
                is_clean: false,
            };
        }
    }

    /// Detectors found nothing in the name of the step that was taken last.
    pub(super) fn mark_clean(&mut self) {
        if let Some(slot) = self.last.and_then(|last| self.slots.get_mut(last)) {
            slot.is_clean = true;
        }
    }
}

/// A name and the places that it is a step from: both whole, so that equal keys are equal steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key {
    /// The first and the last bytes of the name, which meet or overlap.
    name: [u64; 4],
    from: [Place; 4],
    /// The length of the name, one more than it is, and the number of places. Both 0: no key.
    lengths: u32,
}

impl Key {
    /// `None` of a long name, or many places.
    fn of(from: &[Place], name: &[u8]) -> Option<Self> {
        let word = |text: &[u8]| text.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let half = |text: &[u8]| {
            text.first_chunk()
                .map_or(0, |half| u32::from_le_bytes(*half))
                .into()
        };
        let length = name.len();
        let back = |from: usize| name.get(length - from..).unwrap_or_default();
        let name = match length {
            0..4 => [
                name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
                0,
                0,
                0,
            ],
            4..8 => [half(name), half(back(4)), 0, 0],
            8..=16 => [word(name), word(back(8)), 0, 0],
            17..=32 => [word(name), word(name.get(8..)?), word(back(16)), word(back(8))],
            _ => return None,
        };
        let places = match *from {
            [] => [0; 4],
            [one] => [one, 0, 0, 0],
            [one, two] => [one, two, 0, 0],
            [one, two, three] => [one, two, three, 0],
            [one, two, three, four] => [one, two, three, four],
            _ => return None,
        };
        Some(Self {
            name,
            from: places,
            lengths: (length as u32 + 1) << 8 | from.len() as u32,
        })
    }

    /// Who sends names that share a slot slows himself down, to what it would be without.
    fn slot(&self) -> usize {
        let [first, last, third, fourth] = self.name;
        let [from, ..] = self.from;
        let mixed = first ^ last.rotate_left(23) ^ third.rotate_left(47) ^ fourth ^ u64::from(from);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS.ilog2())) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::Mask;

    proptest! {
        #[test]
        fn remembered_is_as_asked_anew(
            names in proptest::collection::vec("[ab]{0,3}|[a-c]{1,2}X?[ab]{2,40}|ssn|SSN|mail", 1..200),
            from in proptest::collection::vec(0_u32..6, 0..6),
        ) {
            let plan = BodyPlan::builder()
                .mask("**.ssn", Mask::Redact, "a").unwrap()
                .mask("$.ab.mail", Mask::Redact, "b").unwrap()
                .mask("$.*.ab", Mask::Redact, "c").unwrap()
                .mask_column("aXb*", Mask::Redact, "d")
                .build();
            let mut steps = Steps::default();
            for (number, name) in names.iter().enumerate() {
                let from = &from[..number % (from.len() + 1)];
                let mut want = Vec::new();
                let mask = plan.step(from, name.as_bytes(), &mut want);
                let step = steps.step(&plan, from, name.as_bytes());
                prop_assert_eq!((step.places, step.mask), (&*want, mask));
            }
        }

        #[test]
        fn keys_are_whole(names in proptest::collection::vec(("[ab]{0,36}", 0_u32..3, 0_usize..5), 0..300)) {
            let mut seen = HashMap::new();
            for (name, place, count) in names {
                let from = vec![place; count];
                if let Some(key) = Key::of(&from, name.as_bytes()) {
                    let known = seen.entry(format!("{key:?}")).or_insert_with(|| (name.clone(), from.clone()));
                    prop_assert_eq!(&*known, &(name, from));
                }
            }
        }
    }
}
