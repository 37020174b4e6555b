//! The policies that apply to one session, compiled together.

use std::fmt;
use std::sync::Arc;

use interdict_masking::{Detection, Mask};
use interdict_sql::Gap;

use crate::condition::{Failure, Scope};
use crate::document::{Literals, Predicates, Uncertain};
use crate::policy::{ColumnRule, Policy, Rule};
use crate::request::{Decision, Request, Verdict};
use crate::watch::ResultWatch;

/// What applies to one session: cheap to clone, and unchanged for as long as it is kept.
#[derive(Clone)]
pub struct Effective(Arc<Inner>);

struct Inner {
    digest: Arc<str>,
    policies: Vec<Arc<Policy>>,
    /// In the order in which they are tried.
    steps: Vec<Step>,
    detection: Option<Arc<Detection>>,
    /// Detectors that could not be combined: nothing may pass.
    broken: Option<String>,
    uncertain: Option<(Uncertain, usize)>,
    denies_by_default: Option<usize>,
    predicates: Predicates,
    literals: Literals,
}

/// A rule of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    policy: usize,
    rule: usize,
}

/// The mask of one column.
#[derive(Clone, Copy, Debug)]
pub struct ColumnMask<'a> {
    /// What is shown instead.
    pub mask: &'a Mask,
    /// `policy:pattern`, for the audit.
    pub rule: &'a str,
    /// What conditions on the column may say.
    pub predicates: Predicates,
}

impl Effective {
    pub(crate) fn new(digest: Arc<str>, policies: Vec<Arc<Policy>>) -> Self {
        let mut steps: Vec<Step> = policies
            .iter()
            .enumerate()
            .flat_map(|(policy, compiled)| (0..compiled.rules.len()).map(move |rule| Step { policy, rule }))
            .collect();
        let strictness = |step: &Step| {
            step.of(&policies)
                .map_or(0, |(_, rule)| rule.verdict.strictness())
        };
        steps.sort_by_key(|step| (step.rule, std::cmp::Reverse(strictness(step)), step.policy));

        let detectors: Vec<_> = policies
            .iter()
            .flat_map(|policy| policy.detectors.iter().cloned())
            .collect();
        let (detection, broken) = if detectors.is_empty() {
            (None, None)
        } else {
            match Detection::new(&detectors) {
                Ok(detection) => (Some(Arc::new(detection)), None),
                Err(error) => (None, Some(error.to_string())),
            }
        };
        // The first of the strictest.
        let uncertain = policies
            .iter()
            .enumerate()
            .map(|(index, policy)| (policy.uncertain, index))
            .max_by_key(|(uncertain, index)| (*uncertain, std::cmp::Reverse(*index)));
        let denies_by_default = policies.iter().position(|policy| policy.denies_by_default);
        let predicates = policies
            .iter()
            .map(|policy| policy.predicates)
            .max()
            .unwrap_or(Predicates::Allow);
        let literals = policies
            .iter()
            .map(|policy| policy.literals)
            .max()
            .unwrap_or(Literals::Keep);
        Self(Arc::new(Inner {
            digest,
            policies,
            steps,
            detection,
            broken,
            uncertain,
            denies_by_default,
            predicates,
            literals,
        }))
    }

    /// The digest of the whole policy set that this was made from.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// The names of the policies that apply, in their order.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        self.0.policies.iter().map(|policy| &*policy.name)
    }

    /// Whether no policy applies, so that everything passes as it is.
    pub fn is_empty(&self) -> bool {
        self.0.policies.is_empty()
    }

    /// Whether the two are one and the same, so that what was derived from one holds for the other.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a decision needs to know what a statement does.
    pub fn needs_analysis(&self) -> bool {
        // Every policy has at least a posture for what cannot be analysed.
        !self.is_empty()
    }

    /// Judges a statement before it is forwarded.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        self.judge(request).0
    }

    /// What to ask while the statement's result streams; `None` if no rule that could still speak is about a result.
    pub fn watch(&self, request: &Request<'_>) -> Option<ResultWatch> {
        self.judge(request).1
    }

    /// [`Self::decide`] and [`Self::watch`] in one, for the price of the first.
    pub fn judge(&self, request: &Request<'_>) -> (Decision, Option<ResultWatch>) {
        if let Some(problem) = &self.0.broken {
            let message = format!("the detectors of the policies in force cannot be combined: {problem}");
            let decision = Decision {
                verdict: Verdict::Deny,
                message: Some(message),
                ..Decision::allow()
            };
            return (decision, None);
        }
        let mut scope = Scope::new(request);
        let mut watched = Vec::new();
        let mut decision = None;
        for step in &self.0.steps {
            let Some((policy, rule)) = step.of(&self.0.policies) else {
                continue;
            };
            if rule.condition.changes().is_some() {
                watched.push(*step);
                continue;
            }
            match rule.condition.evaluate(&mut scope) {
                Ok(false) => {}
                Ok(true) => {
                    decision = Some(self.matched(policy, rule, request));
                    break;
                }
                Err(failure) => {
                    decision = Some(failed(policy, rule, &failure));
                    break;
                }
            }
        }
        let decision = decision.unwrap_or_else(|| self.unmatched(request));
        let watch = if watched.is_empty() || decision.verdict == Verdict::Deny {
            None
        } else {
            Some(ResultWatch::new(self.clone(), watched, request))
        };
        (decision, watch)
    }

    fn matched(&self, policy: &Policy, rule: &Rule, request: &Request<'_>) -> Decision {
        let decision = ruled(policy, rule);
        let knowing = rule.verdict == Verdict::Allow
            && rule
                .condition
                .variables()
                .contains(crate::condition::Variable::Complete);
        if knowing {
            decision
        } else {
            self.with_uncertain(decision, request)
        }
    }

    fn unmatched(&self, request: &Request<'_>) -> Decision {
        let Some(policy) = self
            .0
            .denies_by_default
            .and_then(|index| self.0.policies.get(index))
        else {
            return self.with_uncertain(Decision::allow(), request);
        };
        Decision {
            verdict: Verdict::Deny,
            rule: Some(Decision::DEFAULT.into()),
            policy: Some(Arc::clone(&policy.name)),
            message: Some(format!(
                "policy {} refuses what none of its rules allows",
                policy.name
            )),
            hint: None,
            mask_all: false,
        }
    }

    /// The stricter of a decision and the posture towards statements that are not understood.
    fn with_uncertain(&self, decision: Decision, request: &Request<'_>) -> Decision {
        let Some((uncertain, policy)) = self.0.uncertain.filter(|_| !request.complete) else {
            return decision;
        };
        let Some(policy) = self.0.policies.get(policy) else {
            return decision;
        };
        let verdict = uncertain.verdict();
        if verdict.strictness() <= decision.verdict.strictness() {
            let mask_all = verdict == Verdict::MaskAll && matches!(decision.verdict, Verdict::Hold(_));
            return Decision { mask_all, ..decision };
        }
        let why = request
            .gaps
            .first()
            .map_or_else(String::new, |gap: &Gap| format!(": {gap}"));
        let message = format!("the statement could not be analysed completely{why}");
        Decision {
            mask_all: verdict == Verdict::MaskAll,
            verdict,
            rule: Some(Decision::UNCERTAIN.into()),
            policy: Some(Arc::clone(&policy.name)),
            message: Some(message),
            hint: Some("write it so that all it does can be seen in its text".to_owned()),
        }
    }

    /// The mask of a column, by the first entry that names it.
    pub fn column_mask(
        &self,
        database: &str,
        schema: &str,
        table: &str,
        column: &str,
    ) -> Option<ColumnMask<'_>> {
        self.find_mask(|rule| rule.pattern.matches(database, schema, table, column))
    }

    /// [`Self::column_mask`] where the schema is not known: any that a pattern names may be meant.
    pub(crate) fn column_mask_anywhere(
        &self,
        database: &str,
        schema: Option<&str>,
        table: &str,
        column: &str,
    ) -> Option<ColumnMask<'_>> {
        self.find_mask(|rule| {
            rule.pattern.matches_name(column) && rule.pattern.could_match(database, schema, table)
        })
    }

    fn find_mask(&self, names: impl Fn(&ColumnRule) -> bool) -> Option<ColumnMask<'_>> {
        self.0.policies.iter().find_map(|policy| {
            let rule = policy.columns.iter().find(|rule| names(rule))?;
            Some(ColumnMask {
                mask: &rule.mask,
                rule: &rule.label,
                predicates: policy.predicates,
            })
        })
    }

    /// Whether any rule looks at bound values, so that a statement can be judged in full only once they are known.
    pub fn decides_on_parameters(&self) -> bool {
        let mut rules = self.0.policies.iter().flat_map(|policy| &policy.rules);
        rules.any(|rule| {
            rule.condition
                .variables()
                .contains(crate::condition::Variable::Parameters)
        })
    }

    /// Whether there is any mask for columns.
    pub fn masks_columns(&self) -> bool {
        self.0.policies.iter().any(|policy| !policy.columns.is_empty())
    }

    /// Whether any column pattern could name a column of this relation; without a schema, of any relation of that name.
    /// A pattern such as `*.ssn` could name a column of every relation outside the server's own catalogues: whether it
    /// does is for the catalogue to say.
    pub fn may_mask_relation(&self, database: &str, schema: Option<&str>, table: &str) -> bool {
        let mut columns = self.0.policies.iter().flat_map(|policy| &policy.columns);
        columns.any(|rule| rule.pattern.could_match(database, schema, table))
    }

    /// Masks for values in JSON bodies: the pattern as the policy has it, and its mask.
    pub fn json_masks(&self) -> impl Iterator<Item = (&str, &Mask)> {
        let rules = self.0.policies.iter().flat_map(|policy| &policy.json);
        rules.map(|rule| (rule.pattern.text(), &*rule.mask))
    }

    /// The detectors of all policies that apply.
    pub fn detection(&self) -> Option<&Arc<Detection>> {
        self.0.detection.as_ref()
    }

    /// What conditions on masked columns may say: the strictest of the policies that apply.
    pub fn predicates(&self) -> Predicates {
        self.0.predicates
    }

    /// Whether literals and parameters are kept in the audit: the strictest of the policies that apply.
    pub fn literals(&self) -> Literals {
        self.0.literals
    }

    /// What happens to what cannot be analysed, as the strictest policy has it; [`Verdict::Allow`] without a policy.
    pub fn uncertain(&self) -> Verdict {
        self.0
            .uncertain
            .map_or(Verdict::Allow, |(uncertain, _)| uncertain.verdict())
    }

    pub(crate) fn compiled(&self) -> &[Arc<Policy>] {
        &self.0.policies
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    pub(crate) fn rule(&self, step: Step) -> Option<(&Arc<Policy>, &Rule)> {
        step.of(&self.0.policies)
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effective")
            .field("digest", &self.digest())
            .field("policies", &self.policies().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Step {
    fn of(self, policies: &[Arc<Policy>]) -> Option<(&Arc<Policy>, &Rule)> {
        let policy = policies.get(self.policy)?;
        Some((policy, policy.rules.get(self.rule)?))
    }
}

/// What a rule says whose condition is true.
pub(crate) fn ruled(policy: &Policy, rule: &Rule) -> Decision {
    let said = |verb: &str| {
        Some(format!(
            "rule {} of policy {} {verb} this statement",
            rule.name, policy.name
        ))
    };
    let message = rule.message.clone().or_else(|| match rule.verdict {
        Verdict::Deny => said("refuses"),
        Verdict::Hold(_) => said("holds"),
        Verdict::Allow | Verdict::MaskAll => None,
    });
    Decision {
        verdict: rule.verdict.clone(),
        rule: Some(Arc::clone(&rule.name)),
        policy: Some(Arc::clone(&policy.name)),
        message,
        hint: rule.hint.clone(),
        mask_all: false,
    }
}

/// What a rule says whose condition has no answer.
pub(crate) fn failed(policy: &Policy, rule: &Rule, failure: &Failure) -> Decision {
    Decision {
        verdict: Verdict::Deny,
        rule: Some(Arc::clone(&rule.name)),
        policy: Some(Arc::clone(&policy.name)),
        message: Some(format!(
            "the condition of rule {} of policy {} failed: {failure}",
            rule.name, policy.name
        )),
        hint: None,
        mask_all: false,
    }
}

#[cfg(test)]
mod tests;
