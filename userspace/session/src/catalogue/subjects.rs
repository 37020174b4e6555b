//! A catalogue seen through a policy's `subjects`: the same map as that of the masks, with the number of a subject in a mask's place.

use std::sync::Arc;

use interdict_masking::{Mask, Subject};
use interdict_policy::{Effective, Predicates};

use super::map::{MaskMap, MaskedColumn, Origin};

/// What the values of a column say of whose data they are.
#[derive(Clone, Debug)]
pub(crate) enum Bearing {
    Nothing,
    /// They are such identifiers.
    Subject(Arc<Subject>),
    /// They are made of such.
    Computed,
    /// That can't be told.
    Unknown,
}

impl MaskMap {
    /// Takes the columns of a relation that the policy's `subjects` name.
    pub(super) fn take_subjects(&mut self, oid: u32, database: &str, effective: &Effective) {
        let catalogue = self.shared_catalogue();
        let Some(relation) = catalogue.relations.get(&oid) else {
            return;
        };
        for column in &relation.columns {
            let name = &column.name;
            let Some(number) = effective.subject_of(database, &relation.schema, &relation.name, name) else {
                continue;
            };
            let borne = MaskedColumn {
                mask: Mask::Fixed(number.to_string()),
                origin: format!("{}.{}.{name}", relation.schema, relation.name),
                rule: String::new(),
                predicates: Predicates::Allow,
                shows_length: false,
            };
            self.put(oid, column.number, name, Arc::new(borne));
        }
    }

    /// Whose data a column of that origin is, in a map of subjects.
    pub(crate) fn bearing(&self, origin: &Origin) -> Bearing {
        match origin {
            Origin::Clear | Origin::Lifted => Bearing::Nothing,
            Origin::Unknown => Bearing::Unknown,
            Origin::Derived(_) => Bearing::Computed,
            Origin::Masked(borne) => match &borne.mask {
                Mask::Fixed(number) => number
                    .parse()
                    .ok()
                    .and_then(|number: usize| self.subjects_by_number().get(number))
                    .map_or(Bearing::Unknown, |subject| Bearing::Subject(Arc::clone(subject))),
                _ => Bearing::Computed,
            },
        }
    }
}
