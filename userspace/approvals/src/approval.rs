//! An approval as people see it.

use std::collections::BTreeMap;

use interdict_policy::{HoldMode, Petition};
use interdict_record::{ApprovalEvent, ApprovalShown, RelationAccess};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{About, Person};

/// A statement that waits for people, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Approval {
    /// A UUIDv7.
    pub id: Uuid,
    /// Where it stands.
    pub state: State,
    /// When the statement came, in microseconds since the Unix epoch.
    pub asked_at: i64,
    /// Until when somebody may decide; once it is approved and nobody waits, until when it may be used.
    pub expires_at: i64,
    /// The session that asked, or asked first.
    pub session_id: Uuid,
    /// The statement's id in the audit, where it has one already: of a result that is held.
    pub statement_id: Option<Uuid>,
    /// The service's name.
    pub service: String,
    /// `postgres`, `mysql` or `http`.
    pub protocol: String,
    /// Who asks.
    pub identity: String,
    /// What is known of who asks, as policies see it.
    pub facts: BTreeMap<String, String>,
    /// What is known besides.
    pub about: About,
    /// The database in use.
    pub database: String,
    /// The user towards the service.
    pub db_user: String,
    /// What the client calls itself.
    pub application: String,
    /// The leading verb.
    pub kind: String,
    /// The text as far as the policy lets it be kept.
    pub statement: String,
    /// Its values, likewise.
    pub parameters: Vec<Option<String>>,
    /// The hash of the text without its literals.
    pub fingerprint: Option<String>,
    /// What the approval is bound to.
    pub digest: String,
    /// What it does.
    pub effects: Vec<String>,
    /// What it touches: name and access.
    pub relations: Vec<(String, String)>,
    /// The rows and bytes that were about to have been sent, where a result is held.
    pub result: Option<(u64, u64)>,
    /// What the server expects it to cost.
    pub plan: Option<String>,
    /// The policy.
    pub policy: Option<String>,
    /// The rule that holds it.
    pub rule: Option<String>,
    /// What the rule says.
    pub message: String,
    /// Who may decide. Empty: whoever may act on the admin socket.
    pub approvers: Vec<String>,
    /// How many different people have to say yes.
    pub quorum: u32,
    /// How the client meets it.
    pub mode: HoldMode,
    /// What people said so far.
    pub votes: Vec<Vote>,
    /// When it was decided.
    pub decided_at: Option<i64>,
    /// The grant that was minted from it.
    pub grant_id: Option<Uuid>,
}

/// Where an approval stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for people.
    #[default]
    Pending,
    /// It may pass, once.
    Approved,
    /// Somebody said no.
    Denied,
    /// Nobody decided in time, or nobody used it in time.
    Expired,
    /// Who asked went away.
    Withdrawn,
    /// It was approved and has passed.
    Consumed,
    /// The daemon stopped.
    Shutdown,
}

/// What somebody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vote {
    /// Who.
    pub person: Person,
    /// Whether it was a yes.
    pub approve: bool,
    /// Why.
    pub reason: String,
    /// When.
    pub at: i64,
    /// For how many seconds a grant was asked for with it.
    pub grant_seconds: Option<u64>,
}

impl State {
    /// Its name, which is the audit's `event`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Consumed => "consumed",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Approval {
    pub(crate) fn new(petition: Petition, about: About, expires_at: i64) -> Self {
        let terms = petition.terms;
        Self {
            id: Uuid::now_v7(),
            state: State::Pending,
            asked_at: petition.at,
            expires_at,
            session_id: petition.session_id,
            statement_id: petition.statement_id,
            service: petition.service,
            protocol: petition.protocol,
            identity: petition.identity,
            facts: petition.facts,
            about,
            database: petition.database,
            db_user: petition.db_user,
            application: petition.application,
            kind: petition.kind,
            statement: petition.statement,
            parameters: petition.parameters,
            fingerprint: petition.fingerprint,
            digest: petition.digest,
            effects: petition.effects,
            relations: petition.relations,
            result: petition.result,
            plan: petition.plan,
            policy: petition.policy,
            rule: petition.rule,
            message: petition.message,
            approvers: terms.approvers.clone(),
            quorum: terms.quorum.max(1),
            mode: terms.mode,
            votes: Vec::new(),
            decided_at: None,
            grant_id: None,
        }
    }

    /// Why a person may not decide about it; `None`: they may.
    pub fn objection(&self, person: &Person) -> Option<String> {
        let called = |entries: &[String]| entries.join(", ");
        if !self.approvers.is_empty() && !person.is_named_by(&self.approvers) {
            return Some(format!(
                "{} is none of those who may decide about it: {}",
                person.name,
                called(&self.approvers)
            ));
        }
        if self.approvers.is_empty() && !person.operator {
            return Some(
                "only root and the daemon's own user may decide where the policy names nobody".to_owned(),
            );
        }
        if let Some(workload) = &person.workload {
            return Some(format!("who runs in a workload ({workload}) may not decide"));
        }
        self.own(person)
            .then(|| "nobody may decide about what they asked for themselves".to_owned())
    }

    /// Whether the person is the one who asks.
    fn own(&self, person: &Person) -> bool {
        let asking: Vec<u32> = self.about.uid.into_iter().chain(self.about.login_uid).collect();
        let fact = |name: &str| self.facts.get(name);
        person.uids().any(|uid| asking.contains(&uid))
            || fact("user").is_some_and(|user| person.goes_by(user))
            || person.goes_by(&self.identity)
            || self
                .about
                .claims
                .iter()
                .any(|(claim, value)| person.is_claimed_by(claim, value))
            || fact("uid")
                .and_then(|uid| uid.parse().ok())
                .is_some_and(|asking: u32| person.uids().any(|uid| uid == asking))
    }

    /// Those who said yes.
    pub(crate) fn approved_by(&self) -> Vec<String> {
        let yes = self.votes.iter().filter(|vote| vote.approve);
        yes.map(|vote| vote.person.name.clone()).collect()
    }

    /// Who said no, and why.
    pub(crate) fn denied_by(&self) -> (Vec<String>, String) {
        let no = self.votes.iter().find(|vote| !vote.approve);
        no.map_or_else(Default::default, |vote| {
            (vec![vote.person.name.clone()], vote.reason.clone())
        })
    }

    /// The audit's row for something that happened to it, as it stands.
    pub(crate) fn event(&self, event: &str, at: i64) -> ApprovalEvent {
        ApprovalEvent {
            at,
            event: event.to_owned(),
            approval_id: self.id,
            session_id: self.session_id,
            statement_id: self.statement_id,
            service: self.service.clone(),
            identity: self.identity.clone(),
            digest: self.digest.clone(),
            fingerprint: self.fingerprint.clone(),
            policy: self.policy.clone(),
            rule: self.rule.clone(),
            mode: match self.mode {
                HoldMode::Wait => "wait",
                HoldMode::Retry => "retry",
            }
            .to_owned(),
            expires_at: Some(self.expires_at),
            grant_id: self.grant_id,
            ..ApprovalEvent::default()
        }
    }

    /// The row of its beginning: with all that people are shown.
    pub(crate) fn requested(&self) -> ApprovalEvent {
        let relation = |(name, access): &(String, String)| RelationAccess {
            name: name.clone(),
            access: access.clone(),
        };
        let shown = ApprovalShown {
            protocol: self.protocol.clone(),
            attestation: self.about.attestation.clone(),
            claims: self.about.claims.clone(),
            workload: self.about.workload.clone(),
            pid: self.about.pid,
            process_uid: self.about.uid,
            executable: self.about.executable.clone(),
            command: self.about.command.clone(),
            ancestry: self.about.ancestry.clone(),
            database: self.database.clone(),
            db_user: self.db_user.clone(),
            application: self.application.clone(),
            kind: self.kind.clone(),
            statement: self.statement.clone(),
            parameters: self.parameters.clone(),
            effects: self.effects.clone(),
            relations: self.relations.iter().map(relation).collect(),
            rows: self.result.map(|(rows, _)| rows),
            bytes: self.result.map(|(_, bytes)| bytes),
            plan: self.plan.clone(),
            message: self.message.clone(),
            approvers: self.approvers.clone(),
            quorum: self.quorum,
        };
        ApprovalEvent {
            shown: Some(Box::new(shown)),
            ..self.event("requested", self.asked_at)
        }
    }

    /// The row of a vote.
    pub(crate) fn voted(&self, vote: &Vote) -> ApprovalEvent {
        ApprovalEvent {
            vote: Some(if vote.approve { "approve" } else { "deny" }.to_owned()),
            people: vec![vote.person.name.clone()],
            uid: vote.person.uid,
            login_uid: vote.person.login_uid,
            via: Some(vote.person.via.clone()),
            reason: Some(vote.reason.clone()),
            ..self.event("voted", vote.at)
        }
    }
}
