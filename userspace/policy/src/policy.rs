//! One policy, compiled.

use std::path::PathBuf;
use std::sync::Arc;

use interdict_masking::{DetectorSpec, Mask};

use crate::applies::Applies;
use crate::condition::Condition;
use crate::document::{Literals, Predicates, Uncertain};
use crate::pattern::{ColumnPattern, JsonPattern};
use crate::place::Place;
use crate::request::{HoldMode, HoldSpec, Verdict};
use crate::testing::Test;

/// A policy that can be asked.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: Arc<str>,
    /// Where the name stands.
    pub(crate) place: Place,
    pub(crate) path: PathBuf,
    /// `sha256:` and 64 hexadecimal digits of the file.
    pub(crate) digest: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) applies: Applies,
    pub(crate) denies_by_default: bool,
    pub(crate) uncertain: Uncertain,
    pub(crate) columns: Vec<ColumnRule>,
    pub(crate) json: Vec<JsonRule>,
    pub(crate) detectors: Vec<(DetectorSpec, Mask)>,
    pub(crate) predicates: Predicates,
    pub(crate) rules: Vec<Rule>,
    pub(crate) literals: Literals,
    pub(crate) tests: Vec<Test>,
}

/// A mask for columns.
#[derive(Debug)]
pub(crate) struct ColumnRule {
    pub(crate) pattern: ColumnPattern,
    pub(crate) mask: Arc<Mask>,
    /// `policy:pattern`.
    pub(crate) label: Arc<str>,
}

/// A mask for values in JSON.
#[derive(Debug)]
pub(crate) struct JsonRule {
    pub(crate) pattern: JsonPattern,
    pub(crate) mask: Arc<Mask>,
}

/// A condition and its verdict.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) condition: Condition,
    pub(crate) verdict: Verdict,
    pub(crate) message: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Uncertain {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Deny => Verdict::Deny,
            Self::Hold => Verdict::Hold(Arc::new(HoldSpec {
                approvers: Vec::new(),
                timeout: HoldSpec::TIMEOUT,
                mode: HoldMode::Wait,
            })),
            Self::MaskAll => Verdict::MaskAll,
        }
    }
}

impl Verdict {
    /// The higher, the stricter.
    pub(crate) fn strictness(&self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::MaskAll => 1,
            Self::Hold(_) => 2,
            Self::Deny => 3,
        }
    }
}
