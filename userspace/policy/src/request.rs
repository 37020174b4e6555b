//! What is asked of a policy, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use interdict_sql::{Effects, Gap, Relation};
use serde::Serialize;

/// Who is calling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The name that `applies.identities` globs are matched with, and that the audit shows.
    pub name: String,
    /// What is known besides: `workload`, `uid`, `user`, `executable`, `unit`, `pod`, `namespace`, `attestation`,
    /// `claim.*`, … An unknown fact is absent, not empty.
    pub facts: BTreeMap<String, String>,
}

/// One statement as a policy sees it: every protocol is reduced to this. Where a text has several statements, each is a
/// request of its own, and the text passes if all of them do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub identity: &'a Identity,
    /// The protected service's name.
    pub service: &'a str,
    /// `postgres`, `mysql`, `http` or `opaque`.
    pub protocol: &'a str,
    /// The database of the session.
    pub database: &'a str,
    /// The user of the session towards the service.
    pub db_user: &'a str,
    /// What the client calls itself; it can say anything.
    pub application: &'a str,
    /// The leading verb in lower case.
    pub kind: &'a str,
    /// All that the statement does.
    pub effects: Effects,
    /// The relations that the statement names.
    pub relations: &'a [Relation],
    /// Origins (`schema.table.column`) of the masked columns in reach, where the engine knows them beforehand.
    pub masked_columns: &'a [String],
    /// Bound parameters as text; `None` is NULL or not representable as text.
    pub parameters: &'a [Option<String>],
    /// The text as it was sent.
    pub text: &'a str,
    /// Whether the analysis covered everything that the statement does.
    pub complete: bool,
    /// Why not.
    pub gaps: &'a [Gap],
}

/// What is to happen to a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Forward it; masks apply as ever.
    Allow,
    /// Refuse it in the protocol's own form.
    Deny,
    /// Keep it until a person decides.
    Hold(Arc<HoldSpec>),
    /// Forward it and mask every output column (`uncertain: mask-all`).
    MaskAll,
}

/// A hold's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldSpec {
    /// Who may decide. Empty only for `uncertain: hold`: whoever may approve anything.
    pub approvers: Vec<String>,
    /// After this the statement is refused.
    #[serde(serialize_with = "seconds")]
    pub timeout: Duration,
    /// What the client experiences meanwhile.
    pub mode: HoldMode,
}

impl HoldSpec {
    /// How long a hold lasts when the policy does not say.
    pub const TIMEOUT: Duration = Duration::from_mins(5);
}

fn seconds<S: serde::Serializer>(timeout: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(timeout.as_secs())
}

/// How a client meets a hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldMode {
    /// The statement waits for the decision.
    #[default]
    Wait,
    /// The statement is refused at once, and the same statement passes once it has been approved.
    Retry,
}

/// A verdict with the rule that said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is to happen.
    pub verdict: Verdict,
    /// The deciding rule's name, or [`Decision::DEFAULT`] or [`Decision::UNCERTAIN`]; `None` where no policy applies or
    /// nothing but the default `allow` spoke.
    pub rule: Option<Arc<str>>,
    /// The deciding rule's policy.
    pub policy: Option<Arc<str>>,
    /// For the client and the record; always present with [`Verdict::Deny`] and [`Verdict::Hold`].
    pub message: Option<String>,
    /// What the client may do instead.
    pub hint: Option<String>,
    /// Mask every output column even so: set with [`Verdict::MaskAll`], and with a hold over a statement that could not be
    /// analysed, for when it is approved.
    pub mask_all: bool,
}

impl Decision {
    /// `rule` when `default: deny` decided.
    pub const DEFAULT: &'static str = "default";
    /// `rule` when the posture for statements that cannot be analysed decided.
    pub const UNCERTAIN: &'static str = "uncertain";

    /// What happens where nothing objects.
    pub fn allow() -> Self {
        Self {
            verdict: Verdict::Allow,
            rule: None,
            policy: None,
            message: None,
            hint: None,
            mask_all: false,
        }
    }
}
