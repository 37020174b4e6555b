//! What is masked in an answer: what the policy names in any body, and what the request's own API adds.

use std::sync::Arc;

use interdict_api::{Analysis, Cells};
use interdict_masking::Mask;
use interdict_masking::body::{BodyPlan, BodyPlanBuilder, Unknown};
use interdict_policy::{Effective, OnFailure, UnknownContent};

/// The label of what an API itself holds to be secret.
const SECRET: &str = "secret";

/// What is masked in any body.
pub(super) fn standing(effective: &Effective) -> BodyPlan {
    begin(effective).build()
}

/// Whether a mask for values in bodies means values of this name: wherever they are, or at the end of a path.
pub(super) fn names(effective: &Effective, name: &str) -> bool {
    effective.json_masks().any(|(pattern, _)| {
        let last = pattern.rsplit('.').next().unwrap_or_default();
        last.trim_end_matches("[*]").eq_ignore_ascii_case(name)
    })
}

/// What is masked in the answer to a request; `None` if nothing but what is masked in any.
pub(super) fn of(effective: &Effective, analyses: &[Analysis], everything: bool) -> Option<BodyPlan> {
    let named: Vec<_> = analyses
        .iter()
        .flat_map(|analysis| &analysis.reads)
        .flat_map(|reads| {
            let columns = effective.columns_of("", None, &reads.relation);
            columns.map(move |(column, masked)| (reads, column, masked))
        })
        .collect();
    let secrets: Vec<_> = analyses.iter().flat_map(|analysis| &analysis.secrets).collect();
    if named.is_empty() && secrets.is_empty() && !everything {
        return None;
    }
    let mut plan = BodyPlan::builder();
    for secret in secrets {
        plan = plan.mask_under(secret, "", "", Mask::Redact, SECRET);
    }
    for (reads, column, masked) in named {
        if reads.cells == Cells::AttributeValue {
            // Texts that stand for numbers and bytes: a client reads them as such.
            for (kind, shown) in [(".N", "0"), (".NS", "0"), (".B", ""), (".BS", "")] {
                plan = plan.mask_under(
                    &reads.base,
                    column,
                    kind,
                    Mask::Fixed(shown.to_owned()),
                    masked.rule,
                );
            }
        }
        plan = plan.mask_under(&reads.base, column, "", masked.mask.clone(), masked.rule);
    }
    let plan = add_standing(plan, effective);
    Some(plan.everything(everything || asks_elsewhere(effective)).build())
}

fn begin(effective: &Effective) -> BodyPlanBuilder {
    add_standing(BodyPlan::builder(), effective).everything(asks_elsewhere(effective))
}

fn add_standing(mut plan: BodyPlanBuilder, effective: &Effective) -> BodyPlanBuilder {
    for (pattern, mask) in effective.json_masks() {
        plan = match plan.mask(pattern, mask.clone(), pattern) {
            Ok(plan) => plan,
            // The policy takes what the plan takes; if that were not so, nothing would be shown.
            Err(_) => return BodyPlan::builder().everything(true),
        };
    }
    for (column, masked) in effective.columns_anywhere() {
        plan = plan.mask_column(column, masked.mask.clone(), masked.rule);
    }
    if let Some(detection) = effective.detection() {
        plan = plan.detect(Arc::clone(detection));
    }
    plan.unknown(match effective.unknown_content() {
        UnknownContent::Pass => Unknown::Pass,
        UnknownContent::Detect => Unknown::Detect,
        UnknownContent::Deny => Unknown::Deny,
    })
}

/// Second opinions are not asked about bodies; what the policy wants where there is none holds for every value.
fn asks_elsewhere(effective: &Effective) -> bool {
    effective
        .opinions()
        .iter()
        .any(|opinion| opinion.on_failure != OnFailure::Pass)
}
