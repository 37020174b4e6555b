//! Plans that were made before: the same description under the same policy comes to the same plan.

use std::sync::Arc;

use interdict_masking::Detection;
use interdict_wire::postgres::backend::RowDescription;

use super::opinion::Shown;
use super::result::PlanInput;
use crate::catalogue::MaskMap;
use crate::session::{Bearers, Carrying};

/// Plans that one session keeps: a client that asks the same again asks few kinds of things by turns.
const KEPT: usize = 16;

/// The plans that were made last.
#[derive(Default)]
pub(super) struct Planned {
    kept: Vec<Kept>,
    /// Which gives way next.
    oldest: usize,
}

/// A plan and all that it was made from.
struct Kept {
    description: Box<[u8]>,
    map: Option<Arc<MaskMap>>,
    detection: Option<Arc<Detection>>,
    carrying: Carrying,
    bearers: Bearers,
    shown: Arc<Shown>,
}

impl Planned {
    /// The plan that was made from just this.
    pub(super) fn find(&self, description: RowDescription<'_>, input: &PlanInput<'_>) -> Option<&Arc<Shown>> {
        let kept = self.kept.iter();
        let mut same = kept.filter(|kept| {
            *kept.description == *description.encoded()
                && kept.map.as_ref().map(Arc::as_ptr) == input.map.map(Arc::as_ptr)
                && kept.detection.as_ref().map(Arc::as_ptr) == input.detection.map(Arc::as_ptr)
                && kept.carrying.is_same(input.carrying)
                && kept.bearers.is_same(&input.bearers)
        });
        same.next().map(|kept| &kept.shown)
    }

    pub(super) fn keep(&mut self, description: RowDescription<'_>, input: PlanInput<'_>, shown: &Arc<Shown>) {
        let made = Kept {
            description: description.encoded().into(),
            map: input.map.cloned(),
            detection: input.detection.cloned(),
            carrying: input.carrying.clone(),
            bearers: input.bearers,
            shown: Arc::clone(shown),
        };
        match self.kept.get_mut(self.oldest) {
            Some(kept) => *kept = made,
            None => self.kept.push(made),
        }
        self.oldest = (self.oldest + 1) % KEPT;
    }
}
