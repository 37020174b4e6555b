//! Why an engine refuses. Each protocol has its own form of saying it.

use interdict_policy::Decision;

use crate::output::LastWords;

/// What sort of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The policy, or masking, does not allow it.
    Refused,
    /// A size limit was met.
    Limit,
    /// What was sent is not the protocol.
    Protocol,
    /// The transaction has failed: nothing but its end is taken.
    FailedTransaction,
    /// The text can't be read.
    Syntax,
    /// No statement of that name was prepared.
    UnknownStatement,
    /// The service can't be reached.
    Unreachable,
    /// The proxy does not log in for this client.
    Login,
    /// The daemon ends the session.
    Shutdown,
    /// The audit takes no records.
    Audit,
    /// The client took its statement back.
    Cancelled,
}

/// A refusal, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// What the client may do instead.
    pub(crate) hint: Option<String>,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// A rule about a result's size ended it.
pub(crate) fn too_large(decision: &Decision) -> Refusal {
    let rule = decision.rule.as_deref().unwrap_or("default");
    let message = decision
        .message
        .as_deref()
        .unwrap_or("the result is larger than is allowed");
    let hint = decision
        .hint
        .clone()
        .or_else(|| Some("ask for fewer rows, with LIMIT or a narrower WHERE".to_owned()));
    Refusal::new(Kind::Refused, format!("interdict: {message} (rule {rule})"), hint)
}

/// Why a client is not let in where the proxy logs in for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLoggedIn<'a> {
    /// The settings have no login for whoever it is.
    NoneForIt {
        /// The service's name.
        service: &'a str,
    },
    /// The login failed.
    Failed {
        /// The service's name.
        service: &'a str,
    },
    /// The client asks to begin as somebody else.
    Role {
        /// The parameter that does so.
        parameter: &'a str,
    },
    /// A request to which credentials can't be put.
    Unsigned {
        /// Why not.
        why: &'static str,
        /// What the client does instead.
        instead: &'static str,
    },
}

/// Says nothing of user and secret.
pub(crate) fn not_logged_in(why: &NotLoggedIn<'_>) -> Refusal {
    let (message, hint) = match why {
        NotLoggedIn::NoneForIt { service } => (
            format!("interdict: there are no credentials for this identity with service {service}"),
            "the operator finds them in the settings: credentials of the service",
        ),
        NotLoggedIn::Failed { service } => (
            format!("interdict: the login with service {service}, which is made for you, failed"),
            "nothing is wrong with what you sent; the operator finds the reason in the daemon's log",
        ),
        NotLoggedIn::Role { parameter } => (
            format!(
                "interdict: `{parameter}` can't be set at the start of a session that is logged in for you"
            ),
            "connect without it; in the session, SET ROLE is judged like any statement",
        ),
        NotLoggedIn::Unsigned { why, instead } => (format!("interdict: {why}"), *instead),
    };
    Refusal::new(Kind::Login, message, Some(hint.to_owned()))
}

/// What a client is told when the service can't be reached.
pub(crate) fn unreachable(why: &str) -> Refusal {
    Refusal::new(
        Kind::Unreachable,
        format!("interdict: {why}"),
        Some("the operator finds it in the daemon's log".to_owned()),
    )
}

/// What a client is told when its session is ended from outside.
pub(crate) fn last_words(why: LastWords) -> Refusal {
    let (kind, message, hint) = match why {
        LastWords::Shutdown => (
            Kind::Shutdown,
            "interdict: the daemon is stopping",
            "connect again in a moment",
        ),
        LastWords::Quarantine => (
            Kind::Shutdown,
            "interdict: this workload is in quarantine",
            "a person has to lift it: interdict quarantine WORKLOAD --lift",
        ),
        LastWords::Grant => (
            Kind::Refused,
            "interdict: the grant under which this session ran is over",
            "what the policy allows without a grant is allowed in a new session; ask an operator for another grant",
        ),
        LastWords::Audit => (
            Kind::Audit,
            "interdict: the audit does not take records",
            "nothing is forwarded that is not recorded; the operator finds the reason in the daemon's log",
        ),
        LastWords::Identity => (
            Kind::Refused,
            "interdict: this service asks for a sound token of who is calling, and there is none",
            "renew the token where it is kept; the record says what is wrong with it (identity_refused)",
        ),
    };
    Refusal::new(kind, message, Some(hint.to_owned()))
}
