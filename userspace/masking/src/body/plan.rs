//! What is done with the values of bodies.

use std::sync::{Arc, OnceLock};

use super::mentions::Mentions;
use super::selector::{Number, Place, Places, SelectorError, Selectors, first};
use crate::{Detection, Mask};

/// What is done with the values of bodies: immutable, shared by all of one route.
///
/// Of several selectors for a value, or for something that it is in, the one declared first counts.
#[derive(Debug, Default)]
pub struct BodyPlan {
    selectors: Selectors,
    masks: Vec<(Mask, Arc<str>)>,
    detection: Option<Arc<Detection>>,
    everything: bool,
    collecting: bool,
    /// Last names of selectors, in lower case.
    names: Vec<Box<str>>,
    mentions: OnceLock<Option<Mentions>>,
    unknown: Unknown,
}

/// What is done with content of a type that has no [`Kind`](super::Kind).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// It passes unread.
    Pass,
    /// Its bytes are searched as text is: [`Kind::Text`](super::Kind::Text).
    Detect,
    /// It is refused.
    #[default]
    Deny,
}

impl BodyPlan {
    /// Nothing is masked and nothing searched, until told.
    pub fn builder() -> BodyPlanBuilder {
        BodyPlanBuilder(Self::default())
    }

    /// Whether nothing is masked and nothing searched.
    pub fn is_empty(&self) -> bool {
        !self.names_values() && !self.everything && self.detection.is_none()
    }

    /// Whether it has selectors: what they name can't be told in text without structure.
    pub fn names_values(&self) -> bool {
        !self.masks.is_empty()
    }

    /// Whether all values are masked.
    pub fn everything(&self) -> bool {
        self.everything
    }

    /// Looks for the names that selectors end in, for content that has no values by name; `None` if there are none.
    pub fn mentions(&self) -> Option<Mentions> {
        self.mentions.get_or_init(|| Mentions::of(&self.names)).clone()
    }

    /// What is done with content of an unknown type.
    pub fn unknown(&self) -> Unknown {
        self.unknown
    }

    /// Whether a body in that character set can be masked as it is: in any, if nothing is to be masked. `None`: none was named.
    pub fn accepts(&self, charset: Option<&str>) -> bool {
        self.is_empty() || charset.is_none_or(accepts)
    }

    pub(super) fn collecting(&self) -> bool {
        self.collecting
    }

    pub(super) fn detection(&self) -> Option<&Detection> {
        self.detection.as_deref()
    }

    pub(super) fn mask(&self, number: Number) -> Option<(&Mask, &str)> {
        self.masks.get(number).map(|(mask, label)| (mask, &**label))
    }

    /// The mask on a field of a form or a column of rows, by its name: the member of one object, or where the name is itself a
    /// path (`patient[ssn]`, `patient.ssn`) that of the objects it stands for.
    pub(super) fn field(&self, name: &[u8]) -> Option<Number> {
        let mut at = self.root().to_vec();
        let mut mask = self.step(&at, name, &mut Vec::new());
        let is_mark = |c: &u8| matches!(c, b'[' | b']' | b'.');
        if name.iter().any(is_mark) {
            for step in name.split(is_mark).filter(|step| !step.is_empty()) {
                let mut next = Vec::new();
                mask = first(mask, self.step(&at, step, &mut next));
                at = next;
            }
        }
        mask
    }

    pub(super) fn root(&self) -> Places {
        self.selectors.root()
    }

    pub(super) fn step(&self, from: &[Place], name: &[u8], to: &mut Vec<Place>) -> Option<Number> {
        self.selectors.step(from, name, to)
    }
}

/// Makes a [`BodyPlan`].
#[derive(Debug)]
pub struct BodyPlanBuilder(BodyPlan);

impl BodyPlanBuilder {
    /// Puts a mask, whose keys are bound, on the values that a selector names; `label` is what they are counted under.
    ///
    /// `$.a.b` is a path, each name in exact case, `*` any name. Arrays are looked through whether or not `[*]` says so.
    /// `**.b` is a name anywhere, in any ASCII case. Everything below a named value is masked too. In forms and rows the names
    /// of fields and columns are taken for the members of one object.
    ///
    /// # Errors
    /// The selector is none.
    pub fn mask(
        mut self,
        selector: &str,
        mask: Mask,
        label: impl Into<Arc<str>>,
    ) -> Result<Self, SelectorError> {
        self.0.selectors.add(selector, self.0.masks.len())?;
        let name = selector.rsplit('.').find(|name| *name != "*").unwrap_or_default();
        self.0
            .names
            .push(name.trim_end_matches("[*]").to_ascii_lowercase().into());
        self.0.masks.push((mask, label.into()));
        Ok(self)
    }

    /// [`Self::mask`] for the members of what is at `base` that `column` means, a name in any ASCII case or a glob; for all that
    /// is at `base`, if `column` is empty. `base` is written in a part of RFC 9535: `$`, `.name`, `['name']`, `.*`, `..`,
    /// `[0]`, `[*]`, and so is `below`, the way from there to what is masked. Where they can't be read, everything is redacted.
    #[must_use]
    pub fn mask_under(
        mut self,
        base: &str,
        column: &str,
        below: &str,
        mask: Mask,
        label: impl Into<Arc<str>>,
    ) -> Self {
        let column = Some(column).filter(|column| !column.is_empty());
        let number = self.0.masks.len();
        match self.0.selectors.add_under(base, column, below, number) {
            Ok(()) => self.0.masks.push((mask, label.into())),
            Err(_) => self.0.everything = true,
        }
        self
    }

    /// [`Self::mask`] for the members, wherever they are, whose name is that of a column: a name or a glob, in any ASCII case, and
    /// also as a database would have it (`dateOfBirth` as `date_of_birth`). If it can't be read, everything is redacted.
    #[must_use]
    pub fn mask_column(mut self, column: &str, mask: Mask, label: impl Into<Arc<str>>) -> Self {
        match self.0.selectors.add_column(column, self.0.masks.len()) {
            Ok(()) => self.0.masks.push((mask, label.into())),
            Err(_) => self.0.everything = true,
        }
        if !column.contains(['*', '?', '[', ']', '{', '}']) {
            self.0.names.push(column.to_ascii_lowercase().into());
        }
        self
    }

    /// Searches all values that no selector names, and the names themselves. An empty set is none.
    #[must_use]
    pub fn detect(mut self, detection: Arc<Detection>) -> Self {
        self.0.detection = Some(detection).filter(|detection| !detection.is_empty());
        self
    }

    /// Redacts all values that no selector names.
    #[must_use]
    pub fn everything(mut self, everything: bool) -> Self {
        self.0.everything = everything;
        self
    }

    /// Keeps the values that selectors name, in [`Tally::read`](super::Tally::read): of masks that read a value.
    #[must_use]
    pub fn collecting(mut self) -> Self {
        self.0.collecting = true;
        self
    }

    /// What is done with content of an unknown type; denied if not told.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.0.unknown = unknown;
        self
    }

    /// The plan.
    pub fn build(self) -> BodyPlan {
        self.0
    }
}

/// Whether text in that character set can be read here: UTF-8 and ASCII, in any case.
pub fn accepts(charset: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(charset.trim()))
}
