//! What a policy set would do with a statement, and why.

use std::fmt;

use serde::Serialize;

use crate::condition::{Condition, Scope, Variable};
use crate::effective::Effective;
use crate::pattern::Pattern;
use crate::policy::Policy;
use crate::request::{Decision, HoldMode, Request, Verdict};
use crate::set::PolicySet;

mod display;

/// Every policy and rule that was considered, the decision, and the masks in reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The service asked for.
    pub service: String,
    /// The caller's name.
    pub identity: String,
    /// The statement's kind.
    pub kind: String,
    /// All that it does.
    pub effects: Vec<&'static str>,
    /// `name (access)`.
    pub relations: Vec<String>,
    /// Whether the analysis covered everything.
    pub complete: bool,
    /// Why not.
    pub gaps: Vec<String>,
    /// `allow`, `deny`, `hold` or `mask-all`.
    pub decision: &'static str,
    /// The rule that decided, `default` or `uncertain`.
    pub rule: Option<String>,
    /// Its policy.
    pub policy: Option<String>,
    /// As the client would be told.
    pub message: Option<String>,
    /// As the client would be told.
    pub hint: Option<String>,
    /// Rules that are asked while the result streams.
    pub watched: bool,
    /// The policies of the set, in order.
    pub policies: Vec<ExplainedPolicy>,
    /// The rules of the policies that apply, in the order in which they are tried.
    pub rules: Vec<ExplainedRule>,
    /// Masks that may be put on columns of the relations that are read.
    pub masks: Vec<ExplainedMask>,
    /// What is looked for in every text of the result, by whom (`opinion:PERSON`: by a service that is asked), and its mask.
    pub detectors: Vec<ExplainedMask>,
    /// What of the relations that are read, or of bodies, the record keeps as tokens of whose data it is.
    pub subjects: Vec<ExplainedSubject>,
}

/// A policy of the set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedPolicy {
    /// Its name.
    pub name: String,
    /// Whether it is about this service and this caller.
    pub applies: bool,
    /// Why, or why not.
    pub why: String,
}

/// A rule of a policy that applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedRule {
    /// Its policy.
    pub policy: String,
    /// Its name.
    pub name: String,
    /// What came of its condition.
    pub outcome: Outcome,
    /// What it says if its condition is true.
    pub then: String,
    /// The condition as the policy has it.
    pub when: String,
    /// The values that the condition looked at, or why it failed. Texts and parameters of the statement are left out.
    pub why: String,
}

/// What came of a rule's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// True, and no earlier rule was: it decides.
    Decides,
    /// Failed, and no earlier rule decided: it refuses.
    Failed,
    /// False.
    NotMatched,
    /// An earlier rule has decided.
    NotReached,
    /// Asked while the result streams.
    WhileStreaming,
}

/// A mask and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedMask {
    /// Its policy.
    pub policy: String,
    /// The relation read; `None` for a detector.
    pub relation: Option<String>,
    /// The pattern of columns, or the detector's name.
    pub what: String,
    /// What is shown instead.
    pub mask: String,
}

/// What says whose data it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedSubject {
    /// Its policy.
    pub policy: String,
    /// The relation read; `None` for values of bodies.
    pub relation: Option<String>,
    /// The pattern, as the policy has it.
    pub what: String,
    /// What its tokens stand under.
    pub name: String,
}

/// Explains what a set would do with a statement. It does what [`Effective::decide`] does and shows its work.
pub fn explain(set: &PolicySet, request: &Request<'_>) -> Explanation {
    let effective = set.effective(request.service, request.identity);
    let (decision, watch) = effective.judge(request);
    let Decision {
        verdict,
        rule,
        policy,
        message,
        hint,
        ..
    } = decision;
    Explanation {
        service: request.service.to_owned(),
        identity: request.identity.name.clone(),
        kind: request.kind.to_owned(),
        effects: request
            .effects
            .iter()
            .map(interdict_sql::Effect::as_str)
            .collect(),
        relations: request
            .relations
            .iter()
            .map(|relation| format!("{relation} ({})", relation.access))
            .collect(),
        complete: request.complete,
        gaps: request.gaps.iter().map(ToString::to_string).collect(),
        decision: verdict.word(),
        rule: rule.map(|rule| rule.to_string()),
        policy: policy.map(|policy| policy.to_string()),
        message,
        hint,
        watched: watch.is_some(),
        policies: set
            .policies()
            .iter()
            .map(|policy| consider(policy, request))
            .collect(),
        rules: rules(&effective, request),
        masks: masks(&effective, request),
        detectors: detectors(&effective),
        subjects: subjects(&effective, request),
    }
}

fn consider(policy: &Policy, request: &Request<'_>) -> ExplainedPolicy {
    let Request {
        service, identity, ..
    } = request;
    let to_service = policy.applies.to_service(service);
    let to_identity = policy.applies.to_identity(identity);
    let why = match (to_service, to_identity) {
        (true, true) => "it is about this service and this caller".to_owned(),
        (false, _) => format!(
            "`{service}` is none of its services: {}",
            policy.applies.services_text()
        ),
        (true, false) => {
            format!(
                "`{}` is none of its identities: {}",
                identity.name,
                policy.applies.identities_text()
            )
        }
    };
    ExplainedPolicy {
        name: policy.name.to_string(),
        applies: to_service && to_identity,
        why,
    }
}

fn rules(effective: &Effective, request: &Request<'_>) -> Vec<ExplainedRule> {
    let mut scope = Scope::new(request);
    let mut decided = false;
    let steps = effective.steps().iter().filter_map(|step| effective.rule(*step));
    steps
        .map(|(policy, rule)| {
            let (outcome, why) = if decided {
                (Outcome::NotReached, "an earlier rule decides".to_owned())
            } else if rule.condition.changes().is_some() {
                (Outcome::WhileStreaming, "it is about the result".to_owned())
            } else {
                match rule.condition.evaluate(&mut scope) {
                    Ok(true) => (Outcome::Decides, values(&rule.condition, request)),
                    Ok(false) => (Outcome::NotMatched, values(&rule.condition, request)),
                    Err(failure) => (Outcome::Failed, failure.to_string()),
                }
            };
            decided |= matches!(outcome, Outcome::Decides | Outcome::Failed);
            ExplainedRule {
                policy: policy.name.to_string(),
                name: rule.name.to_string(),
                outcome,
                then: then(&rule.verdict),
                when: rule.condition.text().to_owned(),
                why,
            }
        })
        .collect()
}

fn then(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Hold(hold) => {
            let mode = match hold.mode {
                HoldMode::Wait => "wait",
                HoldMode::Retry => "retry",
            };
            format!(
                "hold for {} ({mode}, {} s)",
                hold.approvers.join(", "),
                hold.timeout.as_secs()
            )
        }
        other => other.word().to_owned(),
    }
}

/// The values of a condition's variables.
fn values(condition: &Condition, request: &Request<'_>) -> String {
    let value = |variable: Variable| -> Option<String> {
        Some(match variable {
            Variable::Application => format!("{:?}", request.application),
            Variable::Complete => request.complete.to_string(),
            Variable::Database => format!("{:?}", request.database),
            Variable::Effects => list(request.effects.iter()),
            Variable::Identity => {
                let facts = request
                    .identity
                    .facts
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"));
                format!("{:?} {}", request.identity.name, list(facts))
            }
            Variable::Http => match request.http {
                Some(http) => format!("{} {}{}", http.method, http.host, http.template),
                None => "none".to_owned(),
            },
            Variable::Kind => format!("{:?}", request.kind),
            Variable::MaskedColumns => list(request.masked_columns),
            Variable::Protocol => format!("{:?}", request.protocol),
            Variable::Relations => list(
                request
                    .relations
                    .iter()
                    .map(|relation| format!("{relation} ({})", relation.access)),
            ),
            Variable::Service => format!("{:?}", request.service),
            Variable::Tables => list(request.relations),
            Variable::User => format!("{:?}", request.db_user),
            // The first two carry data; there is no result yet.
            Variable::Parameters | Variable::Statement | Variable::Result => return None,
        })
    };
    condition
        .variables()
        .iter()
        .filter_map(|variable| Some(format!("{} = {}", variable.name(), value(variable)?)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn list<T: fmt::Display>(elements: impl IntoIterator<Item = T>) -> String {
    let elements: Vec<String> = elements.into_iter().map(|element| element.to_string()).collect();
    format!("[{}]", elements.join(", "))
}

fn masks(effective: &Effective, request: &Request<'_>) -> Vec<ExplainedMask> {
    let mut masks = Vec::new();
    for relation in request
        .relations
        .iter()
        .filter(|relation| relation.access == interdict_sql::Access::Read)
    {
        for policy in effective.compiled() {
            let could = |rule: &&crate::policy::ColumnRule| {
                rule.pattern
                    .could_match(request.database, relation.schema.as_deref(), &relation.name)
            };
            masks.extend(policy.columns.iter().filter(could).map(|rule| ExplainedMask {
                policy: policy.name.to_string(),
                relation: Some(relation.to_string()),
                what: rule.pattern.text().to_owned(),
                mask: rule.mask.to_string(),
            }));
        }
    }
    masks
}

fn subjects(effective: &Effective, request: &Request<'_>) -> Vec<ExplainedSubject> {
    let mut subjects = Vec::new();
    for policy in effective.compiled() {
        for rule in &policy.subjects {
            let explained = |relation: Option<String>| ExplainedSubject {
                policy: policy.name.to_string(),
                relation,
                what: rule.pattern.text().to_owned(),
                name: rule.subject.name().to_owned(),
            };
            match &rule.pattern {
                Pattern::Json(_) => subjects.extend(request.http.map(|_| explained(None))),
                Pattern::Column(pattern) if request.http.is_some() => {
                    subjects.extend(pattern.is_anywhere().then(|| explained(None)));
                }
                Pattern::Column(pattern) => {
                    let read = request.relations.iter().filter(|relation| {
                        relation.access == interdict_sql::Access::Read
                            && pattern.could_match(
                                request.database,
                                relation.schema.as_deref(),
                                &relation.name,
                            )
                    });
                    subjects.extend(read.map(|relation| explained(Some(relation.to_string()))));
                }
            }
        }
    }
    subjects
}

fn detectors(effective: &Effective) -> Vec<ExplainedMask> {
    let all = effective
        .compiled()
        .iter()
        .flat_map(|policy| policy.detectors.iter().map(move |entry| (policy, entry)));
    let own = all.map(|(policy, (detector, mask))| ExplainedMask {
        policy: policy.name.to_string(),
        relation: None,
        what: detector.name().to_owned(),
        mask: mask.to_string(),
    });
    let asked = effective.opinions().iter().flat_map(|opinion| {
        opinion.entities.iter().map(|entity| ExplainedMask {
            policy: opinion.policy.to_string(),
            relation: None,
            what: format!("opinion:{entity}"),
            mask: opinion.mask.to_string(),
        })
    });
    own.chain(asked).collect()
}

#[cfg(test)]
mod tests;
