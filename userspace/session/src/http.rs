//! HTTP's engine: what a request asks for, whether it may, and what of the answer is shown.
//!
//! It knows no version of the protocol: the driver reads and writes messages and hands over heads, pieces of bodies and ends. An
//! [`Exchange`] is one request with its answer; several may be under way on one connection.

mod answer;
mod body;
pub mod credentials;
mod exchange;
mod facts;
mod form;
mod headers;
mod plan;
mod watcher;
mod websocket;

use std::sync::Arc;

use interdict_api::Profile;
use interdict_masking::body::BodyPlan;
use interdict_policy::Request;
use interdict_record::{Micros, Record, SessionDescribed};
use interdict_sql::Effects;
use interdict_wire::http::{RequestHead, ResponseHead};

pub use answer::Flow;
pub use exchange::{Exchange, Forward, Step};
pub use form::Reply;
pub(crate) use form::status;
pub use headers::hide_credentials;
pub use websocket::{Direction, Socket, SocketFlow};

use crate::context::{Context, Shared};
use crate::output::{EndReason, LastWords, Output};
use crate::refusal::{self, Refusal};
use crate::session::{Core, Judgement, Protocol};

/// What is so for all requests of a connection.
#[derive(Clone, Debug)]
pub struct About {
    /// Whether the client speaks TLS.
    pub tls: bool,
    /// The name that it asked for within TLS, in lower case.
    pub name: Option<String>,
    /// The API that the service speaks.
    pub profile: Arc<Profile>,
    /// Whether bodies are held, as they have to be signed.
    pub signs_bodies: bool,
}

/// The engine of one connection.
pub struct Engine {
    core: Core,
    about: About,
    /// What is masked in any body, as the policy in force has it.
    standing: Option<Arc<BodyPlan>>,
    /// What the client calls itself was recorded.
    introduced: bool,
}

impl Engine {
    /// At the start of a connection.
    pub fn new(shared: Arc<Shared>, context: Context, about: About) -> Self {
        Self {
            core: Core::new(shared, context, Protocol::Http),
            about,
            standing: None,
            introduced: false,
        }
    }

    /// Takes the policy in force, and what the request says of its sender.
    fn look_around(&mut self, head: &RequestHead, now: Micros, out: &mut Output) {
        if self.core.refresh_policy(now) {
            self.standing = None;
        }
        let agent = head
            .headers
            .get("User-Agent")
            .map(|value| String::from_utf8_lossy(value));
        let agent = self.core.scrub(agent.as_deref().unwrap_or_default());
        if !self.introduced && !agent.is_empty() {
            self.introduced = true;
            out.records
                .push(Record::SessionDescribed(Box::new(SessionDescribed {
                    session_id: self.core.context.session_id,
                    application: Some(agent.clone()),
                    ..SessionDescribed::default()
                })));
        }
        self.core.application = agent;
    }

    /// A request of which nothing is known but its text.
    fn asked<'a>(&'a self, text: &'a str) -> Request<'a> {
        Request {
            identity: &self.core.context.identity,
            service: &self.core.context.service,
            protocol: self.core.protocol(),
            database: "",
            db_user: "",
            application: &self.core.application,
            kind: "unknown",
            effects: Effects::default(),
            relations: &[],
            masked_columns: &[],
            http: None,
            parameters: &[],
            text,
            complete: true,
            gaps: &[],
            grants: self.core.leave.held(),
        }
    }

    /// Judges a request. Where values go by names that are masked, any text can have one.
    fn decide(&self, request: Request<'_>) -> Judgement {
        let effective = &self.core.effective;
        let named = effective.json_masks().next().is_some() || effective.columns_anywhere().next().is_some();
        let mut judgement = self.core.decide(&request);
        judgement.sensitive |= named || !request.complete;
        judgement
    }

    /// Counts what passed, both ways.
    pub fn passed(&mut self, from_client: u64, to_client: u64) {
        self.core.totals.bytes_in += from_client;
        self.core.totals.bytes_out += to_client;
    }

    /// An interim head (1xx), as the client may see it.
    pub fn interim(&self, mut head: ResponseHead) -> ResponseHead {
        headers::scrub(&mut head, self.core.effective.detection());
        head
    }

    /// The answer to bytes that are not HTTP as it is read here, or that nobody can be found for; the connection ends after it.
    pub fn refuse_bytes(&mut self, why: &str, now: Micros, out: &mut Output) -> Reply {
        let refusal = Refusal::new(
            refusal::Kind::Protocol,
            format!("interdict: {why}"),
            Some(
                "the request was not forwarded; what is ambiguous to one of two programs is refused"
                    .to_owned(),
            ),
        );
        self.record_refusal("unreadable", &refusal, now, out);
        form::reply(&refusal, &interdict_api::RefusalForm::Problem)
    }

    /// What the client is told when its connection is ended from outside.
    pub fn last_words(why: LastWords) -> Reply {
        form::reply(&refusal::last_words(why), &interdict_api::RefusalForm::Problem)
    }

    /// Ends the session. Exchanges that are not over have to be [cut](Self::cut) before.
    pub fn finish(&mut self, reason: EndReason, now: Micros, out: &mut Output) {
        self.core.finish(reason, now, out);
    }
}
