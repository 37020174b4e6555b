//! One policy, compiled.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interdict_masking::{DetectorSpec, Mask, Subject};

use crate::applies::Applies;
use crate::condition::Condition;
use crate::document::{Lengths, Literals, Predicates, Uncertain, UnknownContent};
use crate::opinion::Opinion;
use crate::pattern::{ColumnPattern, JsonPattern, Pattern};
use crate::place::Place;
use crate::request::{HoldSpec, Verdict};
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
    /// It is tried and not in force.
    pub(crate) dry_run: bool,
    pub(crate) applies: Applies,
    pub(crate) denies_by_default: bool,
    pub(crate) uncertain: Uncertain,
    pub(crate) columns: Vec<ColumnRule>,
    pub(crate) json: Vec<JsonRule>,
    pub(crate) detectors: Vec<(DetectorSpec, Mask)>,
    pub(crate) opinions: Vec<Opinion>,
    pub(crate) subjects: Vec<SubjectRule>,
    pub(crate) predicates: Predicates,
    pub(crate) probes: ProbeBudget,
    pub(crate) lengths: Lengths,
    pub(crate) rules: Vec<Rule>,
    pub(crate) literals: Literals,
    pub(crate) unknown_content: UnknownContent,
    pub(crate) tests: Vec<Test>,
}

/// How many different values a caller may try by equality on one masked column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeBudget {
    /// The number of different values.
    pub distinct: u32,
    /// For how long a value counts.
    pub per: Duration,
}

impl Default for ProbeBudget {
    fn default() -> Self {
        Self {
            distinct: 1000,
            per: Duration::from_hours(24),
        }
    }
}

/// A mask for columns.
#[derive(Debug)]
pub(crate) struct ColumnRule {
    pub(crate) pattern: ColumnPattern,
    pub(crate) mask: Arc<Mask>,
    /// `policy:pattern`.
    pub(crate) label: Arc<str>,
    /// Where it differs from the policy's.
    pub(crate) predicates: Option<Predicates>,
}

/// A mask for values in JSON.
#[derive(Debug)]
pub(crate) struct JsonRule {
    pub(crate) pattern: JsonPattern,
    pub(crate) mask: Arc<Mask>,
}

/// What says whose data it is.
#[derive(Clone, Debug)]
pub(crate) struct SubjectRule {
    pub(crate) pattern: Pattern,
    pub(crate) subject: Arc<Subject>,
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
            Self::Hold => Verdict::Hold(Arc::new(HoldSpec::default_terms())),
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
