//! One statement, one decision: the policy's, and what masking itself needs to hold.

use std::sync::Arc;

use interdict_policy::{Decision, Request, ResultWatch, Verdict};
use interdict_sql::lineage::{Flow, Lineage};
use interdict_sql::{Analysis, Effect, Effects, Gap, Statement};
use uuid::Uuid;

use super::{Bearers, Borne, Core, Reach, Session};
use crate::catalogue::MaskMap;
use crate::refusal::{Kind, Refusal};

/// What is to become of a statement.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) decision: Decision,
    /// Set if it is refused.
    pub(crate) refusal: Option<Refusal>,
    /// It could not be followed, for which an old catalogue may be the reason.
    pub(crate) doubtful: bool,
    /// A masked value may be within its reach.
    pub(crate) sensitive: bool,
    /// What of its result could show one.
    pub(crate) carrying: Carrying,
    /// It can't be followed, and its conditions could ask for masked values: it is refused unless the server refuses it first.
    pub(crate) untraced: Option<String>,
    /// Rules about the size of the result.
    pub(crate) watch: Option<ResultWatch>,
    /// What a person decided about it.
    pub(crate) approval: Option<Uuid>,
    /// The record's word for the decision, where the verdict does not say it.
    pub(crate) word: Option<&'static str>,
    /// What policies that are only tried would have made of it.
    pub(crate) would: Option<String>,
}

/// What of a result could show masked values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carrying {
    /// A column without an origin could.
    pub(crate) carries: bool,
    /// Every column is to be masked.
    pub(crate) mask_all: bool,
    /// What each column is made of.
    pub(crate) lineage: Option<Arc<Lineage>>,
    /// The relation whose columns a `SHOW` lists under their names: schema and name.
    pub(crate) listing: Option<(String, String)>,
    /// What of it could say whose data it is.
    pub(crate) subjects: Borne,
}

impl Carrying {
    /// Whether it is the same, as far as that is seen at a glance: lineages are compared by where they are.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let Self {
            carries,
            mask_all,
            lineage,
            listing,
            subjects,
        } = self;
        lineage.as_ref().map(Arc::as_ptr) == other.lineage.as_ref().map(Arc::as_ptr)
            && *carries == other.carries
            && *mask_all == other.mask_all
            && *listing == other.listing
            && subjects.is_same(&other.subjects)
    }

    /// What the `index`th of `count` columns shows; `None` if that can't be told.
    pub(crate) fn output(&self, index: usize, count: usize) -> Option<Flow> {
        let lineage = self.lineage.as_deref().filter(|lineage| lineage.gap.is_none())?;
        lineage.output(index, count)
    }
}

/// The rule's name where masking itself refuses.
pub(crate) const MASKING: &str = "interdict:masking";
/// The rule's name where a default of the product refuses.
pub(crate) const DEFAULT: &str = "interdict:default";

/// What can put the client's own values in a masked column's place.
const GIVING: Effects = Effects::of(&[Effect::Insert, Effect::Update]);

/// What is refused unless a rule allows it.
const REFUSED_BY_DEFAULT: [Effect; 3] = [Effect::ServerFile, Effect::Program, Effect::Replication];

impl Session {
    /// Judges every statement of a text. The first that is refused decides for all. `reach` and `lineage` say how near a
    /// statement comes to masked values, and where they go in it.
    pub(crate) fn judge(
        &self,
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        map: Option<&MaskMap>,
        reach_of: impl Fn(&Statement, &MaskMap) -> Reach,
        lineage: impl Fn(usize, &MaskMap) -> Arc<Lineage>,
    ) -> Vec<Judgement> {
        let bearers = self.bearers();
        let one = |(index, statement): (usize, &Statement)| {
            let part = analysis.part(index, text);
            let reach = map.map(|map| reach_of(statement, map)).unwrap_or_default();
            let writes = reach.sensitive && statement.effects.intersects(GIVING);
            let traced = map
                .filter(|_| reach.carries || writes)
                .map(|map| lineage(index, map))
                // What only gives values is not refused for being hard to follow.
                .filter(|lineage| reach.carries || lineage.gap.is_none());
            let mut judgement = self.judge_one(statement, part, parameters, map, reach, traced);
            judgement.carrying.subjects = match &bearers {
                Bearers::Map(map) => borne(statement, index, map, &reach_of, &lineage),
                Bearers::Nobody | Bearers::Lost => Borne::Unjudged,
            };
            judgement
        };
        analysis.statements.iter().enumerate().map(one).collect()
    }

    fn judge_one(
        &self,
        statement: &Statement,
        text: &str,
        parameters: &[Option<String>],
        map: Option<&MaskMap>,
        reach: Reach,
        lineage: Option<Arc<Lineage>>,
    ) -> Judgement {
        let masked = match map {
            Some(map) if reach.sensitive => map.masked_of(statement.relations.iter()),
            _ => Arc::default(),
        };
        let request = Request {
            identity: &self.context.identity,
            service: &self.context.service,
            protocol: self.protocol(),
            database: &self.database,
            db_user: &self.db_user,
            application: &self.application,
            kind: statement.kind,
            effects: statement.effects,
            relations: &statement.relations,
            masked_columns: &masked,
            http: None,
            parameters,
            text,
            complete: self.dialect.certain(statement),
            gaps: &statement.gaps,
            grants: self.leave.held(),
        };
        let mut judgement = self.decide(&request);
        judgement.sensitive |= reach.sensitive;
        if let Some(map) = map {
            let lifted = || map.lifted_of(statement.relations.iter());
            judgement.decision.grant = judgement.decision.grant.or_else(lifted);
        }
        judgement.carrying.carries = reach.carries;
        judgement.carrying.lineage = lineage;
        if judgement.refusal.is_none() {
            self.guard_masks(&mut judgement, statement, map);
        }
        judgement
    }

    /// What a statement that a portal runs could show of subjects.
    pub(crate) fn borne(
        &self,
        statement: &Statement,
        reach: impl Fn(&Statement, &MaskMap) -> Reach,
        lineage: impl Fn(usize, &MaskMap) -> Arc<Lineage>,
    ) -> Borne {
        match self.bearers() {
            Bearers::Map(map) => borne(statement, 0, &map, &reach, &lineage),
            Bearers::Nobody | Bearers::Lost => Borne::Unjudged,
        }
    }

    /// Judges something that has no statement text.
    pub(crate) fn judge_bare(&self, kind: &str, effects: Effects, text: &str) -> Judgement {
        let request = Request {
            identity: &self.context.identity,
            service: &self.context.service,
            protocol: self.protocol(),
            database: &self.database,
            db_user: &self.db_user,
            application: &self.application,
            kind,
            effects,
            relations: &[],
            masked_columns: &[],
            http: None,
            parameters: &[],
            text,
            complete: true,
            gaps: &[],
            grants: self.leave.held(),
        };
        let mut judgement = self.decide(&request);
        judgement.refuse_instead_of_holding();
        judgement
    }
}

impl Core {
    /// Asks the policy, and what the product refuses by default.
    pub(crate) fn decide(&self, request: &Request<'_>) -> Judgement {
        let (decision, watch) = self.effective.judge(request);
        let mask_all = decision.mask_all;
        let mut judgement = Judgement {
            refusal: None,
            doubtful: false,
            sensitive: mask_all,
            carrying: Carrying {
                mask_all,
                ..Carrying::default()
            },
            untraced: None,
            watch,
            approval: None,
            word: None,
            would: self.effective.would(request, &decision),
            decision,
        };
        refuse_if_denied(&mut judgement, request.gaps);
        if judgement.refusal.is_none() {
            guard_defaults(&mut judgement, request.effects);
        }
        judgement
    }
}

/// What of a result could say whose data it is, where the server names no origin. `map`: of subjects.
fn borne(
    statement: &Statement,
    index: usize,
    map: &MaskMap,
    reach: &impl Fn(&Statement, &MaskMap) -> Reach,
    lineage: &impl Fn(usize, &MaskMap) -> Arc<Lineage>,
) -> Borne {
    if reach(statement, map).carries {
        Borne::By(lineage(index, map))
    } else {
        Borne::Nothing
    }
}

/// Turns the policy's answer into a refusal, if it is one.
fn refuse_if_denied(judgement: &mut Judgement, gaps: &[Gap]) {
    let decision = &judgement.decision;
    let rule = decision.rule.as_deref().unwrap_or("default");
    let message = decision.message.as_deref().unwrap_or("the statement is refused");
    judgement.refusal = match &decision.verdict {
        // What is held is not refused yet.
        Verdict::Allow | Verdict::MaskAll | Verdict::Hold(_) => None,
        Verdict::Deny => {
            let syntax = gaps.iter().find(|gap| matches!(gap, Gap::Unparsable(_)));
            Some(match syntax.filter(|_| rule == Decision::UNCERTAIN) {
                Some(gap) => Refusal::new(
                    Kind::Syntax,
                    format!("interdict: {gap}"),
                    Some("the statement was not sent; correct it".to_owned()),
                ),
                None => Refusal::new(
                    Kind::Refused,
                    format!("interdict: {message} (rule {rule})"),
                    decision.hint.clone(),
                ),
            })
        }
    };
}

/// What the product refuses unless a rule allows it.
fn guard_defaults(judgement: &mut Judgement, effects: Effects) {
    let allowed = matches!(judgement.decision.verdict, Verdict::Allow | Verdict::Hold(_))
        && judgement.decision.rule.is_some();
    if let Some(effect) = REFUSED_BY_DEFAULT
        .iter()
        .find(|effect| effects.contains(**effect))
        .filter(|_| !allowed)
    {
        judgement.refuse(
            DEFAULT,
            format!(
                "the effect {} is refused unless a rule allows it",
                effect.as_str()
            ),
            format!(
                "a policy may allow it: when: '\"{}\" in effects', then: allow",
                effect.as_str()
            ),
        );
    }
}

impl Judgement {
    /// Of the engine's own questions.
    pub(crate) fn own() -> Self {
        let mut decision = Decision::allow();
        decision.rule = Some("interdict".into());
        Self {
            decision,
            refusal: None,
            doubtful: false,
            sensitive: false,
            carrying: Carrying::default(),
            untraced: None,
            watch: None,
            approval: None,
            word: None,
            would: None,
        }
    }

    /// Forgets a refusal by a rule, but not one that masking or a default of the product needs.
    pub(crate) fn forget_rules(&mut self) {
        if self
            .decision
            .rule
            .as_deref()
            .is_none_or(|rule| !rule.starts_with("interdict:"))
        {
            self.refusal = None;
        }
    }

    /// Whether it is refused for what could not be found in the catalogue.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.refusal.is_some() && self.doubtful
    }

    /// Refuses in the product's own name.
    pub(crate) fn refuse(&mut self, rule: &str, message: String, hint: String) {
        self.refusal = Some(Refusal::new(
            Kind::Refused,
            format!("interdict: {message}"),
            Some(hint),
        ));
        self.decision.verdict = Verdict::Deny;
        self.decision.rule = Some(rule.into());
        self.decision.message = Some(message);
    }

    /// Refuses because the statement can't be followed, and its conditions may ask for masked values.
    pub(crate) fn refuse_untraced(&mut self, why: &str) {
        self.doubtful = true;
        self.refuse(
            MASKING,
            format!("the statement uses masked columns in a way that can't be followed ({why})"),
            "select masked columns as they are, compare them with values, count them or test them for NULL"
                .to_owned(),
        );
    }

    /// Refuses because an output column can't be traced.
    pub(crate) fn refuse_column(&mut self, label: &str) {
        self.doubtful = true;
        self.refuse(
            MASKING,
            format!("output column \"{label}\" is computed from a relation with masked columns and can't be traced"),
            "select masked columns as they are (they come back masked), count them or test them for NULL".to_owned(),
        );
    }
}
