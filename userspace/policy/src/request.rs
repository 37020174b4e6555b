//! What is asked of a policy, and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use interdict_api::{Analysis, Written};
use interdict_sql::{Effects, Gap, Relation};
use serde::Serialize;
use uuid::Uuid;

use crate::grant::Granted;

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
    /// What is particular to HTTP.
    pub http: Option<&'a HttpRequest>,
    /// Bound parameters as text; `None` is NULL or not representable as text.
    pub parameters: &'a [Option<String>],
    /// The text as it was sent.
    pub text: &'a str,
    /// Whether the analysis covered everything that the statement does.
    pub complete: bool,
    /// Why not.
    pub gaps: &'a [Gap],
    /// The grants of who asks that are in force.
    pub grants: &'a [Arc<Granted>],
}

impl<'a> Request<'a> {
    /// The same, asked by one part of a request of HTTP.
    #[must_use]
    pub fn of_call(self, analysis: &'a Analysis, http: &'a HttpRequest) -> Self {
        Self {
            protocol: "http",
            kind: &analysis.kind,
            effects: analysis.effects,
            relations: &analysis.relations,
            http: Some(http),
            complete: analysis.complete(),
            gaps: &analysis.gaps,
            ..self
        }
    }
}

/// What is particular to a request of HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// As sent, case kept.
    pub method: String,
    /// The host that is asked for, without its port, in lower case.
    pub host: String,
    /// The path, decoded, its dot segments resolved.
    pub path: String,
    /// The path with variables in the place of what tells one thing from another: `/patients/{id}`.
    pub template: String,
    /// The query's names and values, decoded. A name stands once; several values are joined by `,`.
    pub query: Vec<(String, String)>,
    /// Names in lower case; several values are joined by `, `. Credentials are left out.
    pub headers: Vec<(String, String)>,
    /// What the operation is given by name, path variables among it.
    pub arguments: Vec<(String, Option<String>)>,
}

impl HttpRequest {
    /// Of a request that somebody wrote down.
    pub fn of(written: &Written, analysis: &Analysis) -> Self {
        Self {
            method: written.method.clone(),
            host: written
                .host
                .split(':')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase(),
            path: written.path.clone(),
            template: analysis.template.clone(),
            query: written.query.clone(),
            headers: written.headers.clone(),
            arguments: analysis.arguments.clone(),
        }
    }
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

impl Verdict {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hold(_) => "hold",
            Self::MaskAll => "mask-all",
        }
    }
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
    /// How many different people have to say yes.
    pub quorum: u32,
    /// Whether the server is asked for its plan, so that the person sees what the statement would cost.
    pub plan: bool,
}

impl HoldSpec {
    /// How long a hold lasts when the policy does not say.
    pub const TIMEOUT: Duration = Duration::from_mins(5);

    /// The terms of whoever may approve anything.
    pub fn default_terms() -> Self {
        Self {
            approvers: Vec::new(),
            timeout: Self::TIMEOUT,
            mode: HoldMode::Wait,
            quorum: 1,
            plan: false,
        }
    }
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
    /// The grant that lets it pass where the policy by itself would not.
    pub grant: Option<Uuid>,
}

impl Decision {
    /// `rule` when `default: deny` decided.
    pub const DEFAULT: &'static str = "default";
    /// `rule` when the posture for statements that cannot be analysed decided.
    pub const UNCERTAIN: &'static str = "uncertain";

    /// `rule` when the bounds of the grant under which the statement runs decided.
    pub const GRANT: &'static str = "grant";

    /// What happens where nothing objects.
    pub fn allow() -> Self {
        Self {
            verdict: Verdict::Allow,
            rule: None,
            policy: None,
            message: None,
            hint: None,
            mask_all: false,
            grant: None,
        }
    }
}
