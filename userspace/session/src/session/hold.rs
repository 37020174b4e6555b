//! Statements and results that wait for a person.
//!
//! A held statement is not forwarded: its message waits, and is looked at again from the beginning once there is a ruling, which is bound to
//! all that the client sent. A held result stops before the row that made a rule speak.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_policy::{Decision, HoldMode, HoldSpec, Petition, Ruling, Verdict};
use interdict_record::Micros;
use interdict_sql::Analysis;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::judge::Judgement;
use super::recording::{Asked, relation_access};
use super::{Core, Session};
use crate::output::Output;
use crate::refusal::{Kind, Refusal};

/// What a session waits for, and what it was told.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// Of what was sent; what follows is about nothing else.
    digest: String,
    /// Rules that the statement has passed.
    approved: Vec<Approved>,
    /// The rule that is being asked about.
    asking: Option<Rule>,
    /// What was ruled, until the message is looked at again.
    ruling: Option<Ruling>,
    /// What a result was stopped before.
    result: Option<Paused>,
}

impl Core {
    /// Whether a person has decided about the message that is looked at again.
    pub(crate) fn has_ruling(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.ruling.is_some())
    }

    /// What the statement would cost that is about to be held.
    pub(crate) fn show_plan(&mut self, plan: String) {
        self.plan = Some(plan).filter(|plan| !plan.is_empty());
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    policy: Option<Arc<str>>,
    rule: Option<Arc<str>>,
}

#[derive(Debug)]
struct Approved {
    rule: Rule,
    approval: Uuid,
}

/// A row that waits for a person.
#[derive(Debug)]
pub(crate) struct Paused {
    /// The row as it would be shown.
    pub(crate) row: BytesMut,
    /// The rule that stopped it.
    pub(crate) decision: Decision,
}

impl Rule {
    fn of(decision: &Decision) -> Self {
        Self {
            policy: decision.policy.clone(),
            rule: decision.rule.clone(),
        }
    }
}

impl Judgement {
    /// Whether a person has to be asked before it may pass.
    pub(crate) fn is_held(&self) -> bool {
        self.refusal.is_none() && matches!(self.decision.verdict, Verdict::Hold(_))
    }

    /// Refuses what would have to wait where nothing can.
    pub(crate) fn refuse_instead_of_holding(&mut self) {
        if self.is_held() {
            let message = self.decision.message.clone().unwrap_or_default();
            self.refusal = Some(Refusal::new(
                Kind::Refused,
                format!(
                    "interdict: {message}: it needs a person's approval, and this command can't wait for one"
                ),
                Some("say the same in SQL, or ask an operator for a grant".to_owned()),
            ));
        }
    }

    fn approve(&mut self, approval: Uuid) {
        self.approval = Some(approval);
        self.decision.verdict = if self.decision.mask_all {
            Verdict::MaskAll
        } else {
            Verdict::Allow
        };
    }
}

impl Core {
    /// Whether nothing goes on until a person has decided.
    pub(crate) fn awaits_person(&self) -> bool {
        self.hold
            .as_ref()
            .is_some_and(|hold| hold.asking.is_some() && hold.ruling.is_none())
    }

    /// Whether a result is what waits.
    pub(crate) fn awaits_person_over_result(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.result.is_some())
    }

    /// Makes a statement wait if its rule says so and nobody has ruled yet; true if it waits. `sent`: all that the client sent of it.
    pub(crate) fn must_wait(
        &mut self,
        judgement: &mut Judgement,
        asked: &Asked<'_>,
        place: &Place<'_>,
        sent: &[&[u8]],
        now: Micros,
        out: &mut Output,
    ) -> bool {
        let Verdict::Hold(terms) = &judgement.decision.verdict else {
            return false;
        };
        let terms = Arc::clone(terms);
        if judgement.refusal.is_some() {
            return false;
        }
        let digest = self.digest(place, sent);
        let rule = Rule::of(&judgement.decision);
        let mut hold = match self.hold.take() {
            Some(hold) if hold.digest == digest => hold,
            _ => Hold {
                digest: digest.clone(),
                ..Hold::default()
            },
        };
        if let (Some(about), Some(ruling)) = (hold.asking.take(), hold.ruling.take()) {
            match ruling {
                Ruling::Approved { approval, .. } => hold.approved.push(Approved {
                    rule: about,
                    approval,
                }),
                other => {
                    let (refusal, word, approval) = refusal(&other, &judgement.decision, &terms);
                    judgement.refusal = Some(refusal);
                    judgement.word = Some(word);
                    judgement.approval = approval;
                    return false;
                }
            }
        }
        if let Some(approved) = hold.approved.iter().find(|approved| approved.rule == rule) {
            judgement.approve(approved.approval);
            self.hold = Some(hold);
            return false;
        }
        let mut petition = self.petition(judgement, asked, place, digest, terms, now);
        petition.plan = self.plan.take();
        hold.asking = Some(rule);
        self.hold = Some(hold);
        out.petition = Some(Box::new(petition));
        true
    }

    /// Puts another hold in the place of the session's.
    pub(crate) fn swap_hold(&mut self, hold: &mut Option<Hold>) {
        std::mem::swap(&mut self.hold, hold);
    }

    /// The statement was sent, or refused: what was ruled about it is used up.
    pub(crate) fn end_hold(&mut self) {
        self.hold = None;
    }

    /// Stops a result before a row until a person has decided.
    pub(crate) fn hold_result(
        &mut self,
        paused: Paused,
        about: &HeldResult,
        statement: Uuid,
        counts: (u64, u64),
        now: Micros,
        out: &mut Output,
    ) {
        let decision = &paused.decision;
        let Verdict::Hold(terms) = &decision.verdict else {
            return;
        };
        let mut petition = about.petition.clone();
        petition.at = now;
        petition.statement_id = Some(statement);
        petition.result = Some(counts);
        petition.rule = decision.rule.as_deref().map(str::to_owned);
        petition.policy = decision.policy.as_deref().map(str::to_owned);
        petition.message = decision.message.clone().unwrap_or_default();
        // The client has part of the answer: it can't be told to come again.
        petition.terms = Arc::new(HoldSpec {
            mode: HoldMode::Wait,
            ..(**terms).clone()
        });
        self.hold = Some(Hold {
            digest: petition.digest.clone(),
            asking: Some(Rule::of(decision)),
            result: Some(paused),
            ..Hold::default()
        });
        out.petition = Some(Box::new(petition));
    }

    /// Takes what was ruled. What a result was stopped before, if it was one.
    pub(crate) fn take_ruling(&mut self, ruling: Ruling) -> Option<(Paused, Result<Uuid, Refusal>)> {
        let hold = self.hold.as_mut()?;
        let Some(paused) = hold.result.take() else {
            hold.ruling = Some(ruling);
            return None;
        };
        self.hold = None;
        let ruled = match &ruling {
            Ruling::Approved { approval, .. } => Ok(*approval),
            other => {
                let terms = match &paused.decision.verdict {
                    Verdict::Hold(terms) => Arc::clone(terms),
                    _ => Arc::new(HoldSpec::default_terms()),
                };
                Err(refusal(other, &paused.decision, &terms).0)
            }
        };
        Some((paused, ruled))
    }

    /// What a person would be shown of a statement whose result may come to be held.
    pub(crate) fn held_result(
        &self,
        judgement: &Judgement,
        asked: &Asked<'_>,
        place: &Place<'_>,
        now: Micros,
    ) -> Option<Box<HeldResult>> {
        judgement.watch.as_ref().filter(|watch| watch.may_hold())?;
        let digest = self.digest(place, &[asked.text.as_bytes()]);
        let terms = Arc::new(HoldSpec::default_terms());
        let petition = self.petition(judgement, asked, place, digest, terms, now);
        Some(Box::new(HeldResult { petition }))
    }

    fn digest(&self, place: &Place<'_>, sent: &[&[u8]]) -> String {
        let mut hasher = Sha256::new();
        let context: [&[u8]; 3] = [
            self.context.service.as_bytes(),
            place.database.as_bytes(),
            place.db_user.as_bytes(),
        ];
        for part in context.iter().chain(sent) {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        format!("sha256:{}", hex::encode(hasher.finalize()))
    }

    fn petition(
        &self,
        judgement: &Judgement,
        asked: &Asked<'_>,
        place: &Place<'_>,
        digest: String,
        terms: Arc<HoldSpec>,
        now: Micros,
    ) -> Petition {
        let (statement, parameters) = self.recorded(asked, judgement.sensitive);
        let decision = &judgement.decision;
        Petition {
            session_id: self.context.session_id,
            statement_id: None,
            at: now,
            service: self.context.service.clone(),
            protocol: self.protocol().to_owned(),
            identity: self.context.identity.name.clone(),
            facts: self.context.identity.facts.clone(),
            database: place.database.to_owned(),
            db_user: place.db_user.to_owned(),
            application: self.application.clone(),
            kind: asked.kind.to_owned(),
            statement,
            parameters,
            fingerprint: asked.fingerprint.map(str::to_owned),
            digest,
            effects: asked
                .effects
                .iter()
                .map(|effect| effect.as_str().to_owned())
                .collect(),
            relations: asked
                .relations
                .iter()
                .map(relation_access)
                .map(|relation| (relation.name, relation.access))
                .collect(),
            result: None,
            plan: None,
            policy: decision.policy.as_deref().map(str::to_owned),
            rule: decision.rule.as_deref().map(str::to_owned),
            message: decision.message.clone().unwrap_or_default(),
            terms,
        }
    }
}

/// Where a statement would run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) database: &'a str,
    pub(crate) db_user: &'a str,
}

/// What is shown of a statement once its result is held.
#[derive(Debug)]
pub(crate) struct HeldResult {
    petition: Petition,
}

/// What a client is told, and the record's word for it.
fn refusal(ruling: &Ruling, decision: &Decision, terms: &HoldSpec) -> (Refusal, &'static str, Option<Uuid>) {
    let rule = decision.rule.as_deref().unwrap_or("default");
    let message = decision
        .message
        .as_deref()
        .unwrap_or("the statement needs a person's approval");
    let (kind, why, hint, word, approval) = match ruling {
        // Not reached: what is approved is not refused.
        Ruling::Approved { approval, .. } => (
            Kind::Refused,
            "it was approved".to_owned(),
            None,
            "approve",
            Some(*approval),
        ),
        Ruling::Denied { approval, by, reason } => (
            Kind::Refused,
            format!("{} refused it: {reason}", by.join(", ")),
            Some("change what was objected to, or talk to who refused it".to_owned()),
            "deny",
            Some(*approval),
        ),
        Ruling::Expired { approval } => (
            Kind::Refused,
            format!("nobody decided within {} s", terms.timeout.as_secs()),
            Some(format!(
                "ask one of its approvers to be there, and send it again: {}",
                approvers(terms)
            )),
            "expire",
            Some(*approval),
        ),
        Ruling::Asked { approval } => (
            Kind::Refused,
            format!("it waits for approval {approval}"),
            Some(format!(
                "send the very same again once it has been approved: interdict approvals show {approval}"
            )),
            "hold",
            Some(*approval),
        ),
        Ruling::Withdrawn => (
            Kind::Cancelled,
            "the client took it back".to_owned(),
            None,
            "expire",
            None,
        ),
        Ruling::Unavailable(why) => (
            Kind::Refused,
            format!("nobody can be asked: {why}"),
            Some("the operator finds the reason in the daemon's log".to_owned()),
            "deny",
            None,
        ),
    };
    let text = format!("interdict: {message} (rule {rule}): {why}");
    (Refusal::new(kind, text, hint), word, approval)
}

fn approvers(terms: &HoldSpec) -> String {
    if terms.approvers.is_empty() {
        "an operator".to_owned()
    } else {
        terms.approvers.join(", ")
    }
}

/// What a client that waits is told, where its protocol lets it be told anything.
pub(crate) fn notice(petition: &Petition) -> String {
    format!(
        "interdict: {} (rule {}): waiting up to {} s for {}",
        petition.message,
        petition.rule.as_deref().unwrap_or("default"),
        petition.terms.timeout.as_secs(),
        approvers(&petition.terms)
    )
}

impl Session {
    fn place(&self) -> Place<'_> {
        Place {
            database: &self.database,
            db_user: &self.db_user,
        }
    }

    /// Makes a text wait if one of its statements has to; true if it waits. What was refused instead has its refusal then.
    #[expect(clippy::too_many_arguments, reason = "a statement is all of this")]
    pub(crate) fn must_wait(
        &mut self,
        judgements: &mut [Judgement],
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        sent: &[&[u8]],
        now: Micros,
        out: &mut Output,
    ) -> bool {
        if judgements.iter().any(|judgement| judgement.refusal.is_some()) {
            return false;
        }
        let place = Place {
            database: &self.database,
            db_user: &self.db_user,
        };
        for (index, judgement) in judgements.iter_mut().enumerate() {
            if judgement.is_held() {
                let asked = Asked::new(analysis, index, text, parameters);
                if self.core.must_wait(judgement, &asked, &place, sent, now, out) {
                    return true;
                }
                if judgement.refusal.is_some() {
                    return false;
                }
            }
        }
        false
    }

    /// What a person would be shown of a statement whose result may come to be held.
    pub(crate) fn held_result(
        &self,
        judgement: &Judgement,
        asked: &Asked<'_>,
        now: Micros,
    ) -> Option<Box<HeldResult>> {
        self.core.held_result(judgement, asked, &self.place(), now)
    }
}
