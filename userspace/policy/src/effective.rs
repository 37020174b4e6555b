//! The policies that apply to one session, compiled together.

mod masks;
mod subjects;

use std::fmt;
use std::sync::Arc;

use interdict_masking::Detection;
use interdict_sql::Gap;

use crate::condition::{Failure, Scope};
use crate::document::{Literals, Predicates, Uncertain, UnknownContent};
use crate::grant::Granted;
use crate::opinion::Opinion;
use crate::policy::{Policy, ProbeBudget, Rule, SubjectRule};
use crate::request::{Decision, Request, Verdict};
use crate::watch::ResultWatch;

pub use self::masks::ColumnMask;

/// What applies to one session: cheap to clone, and unchanged for as long as it is kept.
#[derive(Clone)]
pub struct Effective(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    digest: Arc<str>,
    policies: Vec<Arc<Policy>>,
    /// In the order in which they are tried.
    steps: Vec<Step>,
    detection: Option<Arc<Detection>>,
    opinions: Arc<[Opinion]>,
    /// Of all policies, in their order.
    subjects: Arc<[SubjectRule]>,
    /// Detectors that could not be combined: nothing may pass.
    broken: Option<String>,
    uncertain: Option<(Uncertain, usize)>,
    denies_by_default: Option<usize>,
    predicates: Predicates,
    literals: Literals,
    /// Grants that lift masks.
    lifted: Vec<Arc<Granted>>,
    /// The same with the policies that are only tried.
    tried: Option<Effective>,
}

/// A rule of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    policy: usize,
    rule: usize,
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
        let opinions = policies.iter().flat_map(|policy| policy.opinions.iter().cloned());
        let opinions = opinions.collect();
        let subjects = policies.iter().flat_map(|policy| policy.subjects.iter().cloned());
        let subjects = subjects.collect();
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
            opinions,
            subjects,
            broken,
            uncertain,
            denies_by_default,
            predicates,
            literals,
            lifted: Vec::new(),
            tried: None,
        }))
    }

    /// With what would decide if the policies that are only tried were in force.
    pub(crate) fn trying(mut self, tried: Self) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.tried = Some(tried);
        }
        self
    }

    /// What policies that are only tried would have made of a statement, if it is something else: for the audit's flags.
    pub fn would(&self, request: &Request<'_>, decision: &Decision) -> Option<String> {
        let tried = self.0.tried.as_ref()?.decide(request);
        let same = tried.verdict == decision.verdict
            && tried.rule == decision.rule
            && tried.policy == decision.policy;
        if same {
            return None;
        }
        let of = |text: &Option<Arc<str>>| text.as_deref().unwrap_or(Decision::DEFAULT).to_owned();
        Some(format!(
            "would_{}:{}/{}",
            tried.verdict.word(),
            of(&tried.policy),
            of(&tried.rule)
        ))
    }

    /// The same without the masks that these grants lift.
    #[must_use]
    pub fn lifting(&self, grants: &[Arc<Granted>]) -> Self {
        let lifted: Vec<_> = grants
            .iter()
            .filter(|granted| granted.lifts_masks())
            .cloned()
            .collect();
        if lifted.is_empty() {
            return self.clone();
        }
        Self(Arc::new(Inner {
            lifted,
            ..(*self.0).clone()
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
        !self.is_empty() || self.0.tried.is_some()
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
        let could_hold = |step: &Step| {
            let rule = self.rule(*step);
            rule.is_some_and(|(_, rule)| matches!(rule.verdict, Verdict::Hold(_)))
        };
        let holds = watched.iter().any(could_hold);
        let (decision, grant) = granted(decision, holds, request);
        if grant.is_some() {
            watched.retain(|step| !could_hold(step));
        }
        let bounded = grant.is_some_and(|granted| granted.grant().rows.is_some());
        let watch = if (watched.is_empty() && !bounded) || decision.verdict == Verdict::Deny {
            None
        } else {
            Some(ResultWatch::new(self.clone(), watched, grant, request))
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
            grant: None,
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
            grant: None,
        }
    }

    /// What happens to bodies whose type is not understood: the strictest of the policies that apply.
    pub fn unknown_content(&self) -> UnknownContent {
        let policies = self.0.policies.iter().map(|policy| policy.unknown_content);
        policies.max().unwrap_or(UnknownContent::Pass)
    }

    /// How many different values may be tried by equality on one masked column: the fewest of the policies that apply, and
    /// the longest time.
    pub fn probes(&self) -> ProbeBudget {
        let budgets = || self.0.policies.iter().map(|policy| policy.probes);
        let standard = ProbeBudget::default();
        ProbeBudget {
            distinct: budgets()
                .map(|budget| budget.distinct)
                .min()
                .unwrap_or(standard.distinct),
            per: budgets().map(|budget| budget.per).max().unwrap_or(standard.per),
        }
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

    /// The detectors of all policies that apply.
    pub fn detection(&self) -> Option<&Arc<Detection>> {
        self.0.detection.as_ref()
    }

    /// The second opinions that the policies that apply ask for, in their order.
    pub fn opinions(&self) -> &Arc<[Opinion]> {
        &self.0.opinions
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

/// A grant passes what would be held, its result too, and what nothing allows. What a rule refuses stays refused.
fn granted<'a>(
    decision: Decision,
    holds_result: bool,
    request: &Request<'a>,
) -> (Decision, Option<&'a Granted>) {
    let open = match &decision.verdict {
        Verdict::Hold(_) => true,
        Verdict::Deny => decision.rule.as_deref() == Some(Decision::DEFAULT),
        Verdict::Allow | Verdict::MaskAll => holds_result,
    };
    let mut grants = request.grants.iter().filter(|_| open);
    let Some(granted) = grants.find(|granted| granted.covers(request)) else {
        return (decision, None);
    };
    let verdict = if decision.mask_all || decision.verdict == Verdict::MaskAll {
        Verdict::MaskAll
    } else {
        Verdict::Allow
    };
    let decision = Decision {
        verdict,
        message: None,
        hint: None,
        grant: Some(granted.grant().id),
        ..decision
    };
    (decision, Some(&**granted))
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
        grant: None,
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
        grant: None,
    }
}

#[cfg(test)]
mod tests;
