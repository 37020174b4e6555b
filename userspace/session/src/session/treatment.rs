//! What is done to the cells of one result column.

use std::sync::Arc;

use interdict_masking::Mask;
use interdict_policy::Predicates;
use interdict_record::Column;

use crate::catalogue::{MaskedColumn, Origin};

/// What is done to the cells of one column.
#[derive(Debug)]
pub(crate) enum Treatment {
    Pass,
    Mask(Arc<MaskedColumn>),
    /// Nothing of it may show, not even that it is NULL.
    Blank(Arc<MaskedColumn>),
    /// Value detectors look at it.
    Detect,
}

impl Treatment {
    /// What is done with a value that shows so much; `None` if that is not known. `mask_all`: the statement's whole result is
    /// masked. `searched`: detectors look at values of its type.
    pub(crate) fn of(shown: Origin, label: &str, mask_all: bool, searched: bool) -> Option<Self> {
        let treatment = match shown {
            Origin::Masked(masked) => return Some(Self::Mask(masked)),
            Origin::Derived(masked) => return Some(Self::Blank(masked)),
            Origin::Clear if searched => Self::Detect,
            Origin::Clear | Origin::Lifted => Self::Pass,
            Origin::Unknown if mask_all => Self::Pass,
            Origin::Unknown => return None,
        };
        if !mask_all {
            return Some(treatment);
        }
        let unknown = MaskedColumn {
            mask: Mask::Redact,
            origin: label.to_owned(),
            rule: "uncertain".to_owned(),
            predicates: Predicates::Deny,
            shows_length: false,
        };
        Some(Self::Mask(Arc::new(unknown)))
    }

    /// The mask.
    pub(crate) fn masked(&self) -> Option<&Arc<MaskedColumn>> {
        match self {
            Self::Mask(masked) | Self::Blank(masked) => Some(masked),
            Self::Pass | Self::Detect => None,
        }
    }

    /// The column as it is recorded.
    pub(crate) fn recorded(&self, label: String, origin: Option<String>) -> Column {
        let masked = self.masked();
        Column {
            label,
            origin: origin.or_else(|| masked.map(|masked| masked.origin.clone())),
            mask: masked.map(|masked| masked.mask.to_string()),
        }
    }
}
