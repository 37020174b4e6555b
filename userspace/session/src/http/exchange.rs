//! A request: read, judged, recorded, forwarded or answered.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_api::{Analysis, Call, Profile, RefusalForm};
use interdict_masking::body::coding::{Coding, Decoder};
use interdict_masking::body::{BodyError, BodyPlan};
use interdict_policy::{HttpRequest, Predicates, Request, ResultWatch, Ruling};
use interdict_record::Micros;
use interdict_wire::http::{Framing, Headers, RequestHead};
use uuid::Uuid;

use super::answer::Answer;
use super::facts::{Facts, Unreadable};
use super::form::{self, Reply};
use super::watcher::Subjects;
use super::{Engine, headers, plan};
use crate::output::Output;
use crate::refusal::{Kind, Refusal};
use crate::session::{Asked, Hold, Judgement, MASKING, Place, fingerprint};

/// A body that has to be known before the request can be judged may have so many bytes, as sent and decoded.
const JUDGED_BODY: usize = 1 << 20;
/// Of the body so much is kept for the record.
const RECORDED_BODY: usize = 4 << 10;
/// A WebSocket is asked for in this version, the only one (RFC 6455, section 4.1).
const WEBSOCKET_VERSION: &[u8] = b"13";

/// A request and its answer.
#[derive(Debug)]
pub struct Exchange {
    pub(super) head: RequestHead,
    framing: Framing,
    facts: Facts,
    /// What of the body has come, while it is awaited.
    held: BytesMut,
    /// All of the body is in `held`.
    whole: bool,
    /// What a person was asked about it.
    hold: Option<Hold>,
    /// The grants that it rests on.
    pub(super) grants: Vec<Uuid>,
    /// The statements on record.
    pub(super) statements: Vec<Uuid>,
    pub(super) forms: Vec<RefusalForm>,
    pub(super) plan: Arc<BodyPlan>,
    /// What says whose data the answer is.
    pub(super) subjects: Option<Arc<Subjects>>,
    pub(super) watch: Option<ResultWatch>,
    /// Answers are documents one after another.
    pub(super) lines: bool,
    /// The client asks for a WebSocket.
    pub(super) websocket: bool,
    pub(super) answer: Answer,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Step {
    /// Its body decides: give it to [`Engine::body`], and say when it is over by [`Engine::body_end`]. Clients that wait to be
    /// told to go on have to be told.
    Body,
    /// A person decides: ask about the petition of the output, and give the answer to [`Engine::on_ruling`].
    Wait,
    /// It goes to the service, with what was held of its body; what follows of the body goes as it comes.
    Forward(Box<Forward>),
    /// It is refused; the answer is here. Nothing of it may go to the service.
    Refuse(Reply),
}

/// A request as it is forwarded.
#[derive(Debug)]
pub struct Forward {
    /// The head. Fields about the connection are taken out, but for an upgrade to WebSocket.
    pub head: RequestHead,
    /// How the client framed the body.
    pub framing: Framing,
    /// What was held of the body: all of it.
    pub body: Option<Bytes>,
}

impl Engine {
    /// A request begins. `framing`: of its body, as the client sends it.
    pub fn begin(
        &mut self,
        head: RequestHead,
        framing: Framing,
        now: Micros,
        out: &mut Output,
    ) -> (Exchange, Step) {
        self.look_around(&head, now, out);
        let standing = self.standing();
        let literal = matches!(*self.about.profile, Profile::S3);
        let facts = Facts::read(&head, &self.about, literal);
        let mut exchange = Exchange {
            head,
            framing,
            facts: Facts::default(),
            held: BytesMut::new(),
            whole: false,
            hold: None,
            grants: Vec::new(),
            statements: Vec::new(),
            forms: vec![RefusalForm::Problem],
            plan: standing,
            subjects: None,
            watch: None,
            lines: false,
            websocket: false,
            answer: Answer::default(),
        };
        match facts {
            Ok(facts) => exchange.facts = facts,
            // Where nothing depends on it, the service may make of it what it likes.
            Err(Unreadable::Ambiguous | Unreadable::Http(_)) if self.core.effective.is_empty() => {
                let Exchange { head, facts, .. } = &mut exchange;
                head.method.as_str().clone_into(&mut facts.http.method);
                head.target.as_str().clone_into(&mut facts.http.path);
            }
            Err(why) => {
                let kind = match why {
                    Unreadable::Connect | Unreadable::OtherHost => Kind::Refused,
                    Unreadable::Ambiguous | Unreadable::Http(_) => Kind::Protocol,
                };
                let refusal = Refusal::new(kind, format!("interdict: {why}"), None);
                let step = self.refuse(&exchange, &refusal, now, out);
                return (exchange, step);
            }
        }
        if let Err(refusal) = exchange.look_at_upgrade() {
            let step = self.refuse(&exchange, &refusal, now, out);
            return (exchange, step);
        }
        let held = self.about.signs_bodies && !exchange.head.headers.contains("x-amz-content-sha256");
        if framing != Framing::None && (held || self.about.profile.needs_body(&exchange.call(None))) {
            if let Framing::Length(length) = framing
                && length > JUDGED_BODY as u64
            {
                let step = self.refuse(&exchange, &too_long(), now, out);
                return (exchange, step);
            }
            return (exchange, Step::Body);
        }
        let step = self.judge(&mut exchange, None, now, out);
        (exchange, step)
    }

    /// What is masked in any body.
    pub(super) fn standing(&mut self) -> Arc<BodyPlan> {
        let effective = &self.core.effective;
        Arc::clone(
            self.standing
                .get_or_insert_with(|| Arc::new(plan::standing(effective))),
        )
    }

    /// Takes more of the body that was asked for.
    pub fn body(&mut self, exchange: &mut Exchange, data: &[u8], now: Micros, out: &mut Output) -> Step {
        if exchange.held.len() + data.len() > JUDGED_BODY {
            return self.refuse(exchange, &too_long(), now, out);
        }
        exchange.held.extend_from_slice(data);
        Step::Body
    }

    /// The body that was asked for is complete.
    pub fn body_end(&mut self, exchange: &mut Exchange, now: Micros, out: &mut Output) -> Step {
        let sent = std::mem::take(&mut exchange.held).freeze();
        exchange.whole = true;
        match decoded(&exchange.head.headers, &sent) {
            Ok(body) => {
                let body = body.unwrap_or_else(|| sent.clone());
                match self.judge(exchange, Some(&body), now, out) {
                    Step::Forward(mut forward) => {
                        // Nobody waits any more for being told to go on.
                        forward.head.headers.remove("Expect");
                        forward.body = Some(sent);
                        Step::Forward(forward)
                    }
                    Step::Wait => {
                        exchange.held.extend_from_slice(&sent);
                        Step::Wait
                    }
                    other => other,
                }
            }
            Err(error) => {
                let refusal = Refusal::new(
                    Kind::Protocol,
                    format!("interdict: the request's body can't be read: {error}"),
                    Some("send it without Content-Encoding".to_owned()),
                );
                self.refuse(exchange, &refusal, now, out)
            }
        }
    }

    /// Judges a request by all that is known of it, and records it.
    fn judge(&mut self, exchange: &mut Exchange, body: Option<&[u8]>, now: Micros, out: &mut Output) -> Step {
        let analyses = self.about.profile.analyse(&exchange.call(body));
        exchange.forms = analyses.iter().map(|analysis| analysis.refusal.clone()).collect();
        exchange.lines = analyses.iter().any(|analysis| analysis.stream.is_some());
        let text = exchange.facts.text();
        let mut parts = Vec::with_capacity(analyses.len());
        for analysis in &analyses {
            let http = HttpRequest {
                template: analysis.template.clone(),
                arguments: analysis.arguments.clone(),
                ..exchange.facts.http.clone()
            };
            let parameters: Vec<_> = parameters(analysis, body);
            let mut judgement = self.judge_call(analysis, &http, &parameters, &text);
            if judgement.refusal.is_none() {
                self.guard_conditions(&mut judgement, analysis, now, out);
            }
            parts.push((analysis, parameters, judgement));
        }
        if parts.iter().all(|(_, _, judgement)| judgement.refusal.is_none())
            && parts.iter().any(|(_, _, judgement)| judgement.is_held())
        {
            if body.is_none() && exchange.framing != Framing::None {
                // What a person says yes to is all of it.
                return self.await_body(exchange, now, out);
            }
            for (analysis, parameters, judgement) in &mut parts {
                if self.must_wait(exchange, judgement, analysis, parameters, body, now, out) {
                    return Step::Wait;
                }
            }
        }
        exchange.hold = None;
        let refusal = parts
            .iter()
            .find_map(|(_, _, judgement)| judgement.refusal.clone());
        let everything = parts.iter().any(|(_, _, judgement)| judgement.carrying.mask_all);
        for (analysis, parameters, mut judgement) in parts {
            // What one part of a request may not, none of it does.
            if judgement.refusal.is_none() {
                judgement.refusal.clone_from(&refusal);
            }
            let normalised = exchange.facts.normalised(&analysis.template);
            let fingerprint = fingerprint(&normalised);
            let asked = Asked {
                kind: &analysis.kind,
                text: &text,
                normalised: Some(&normalised),
                fingerprint: Some(&fingerprint),
                parameters: &parameters,
                effects: analysis.effects,
                relations: &analysis.relations,
                complete: analysis.complete(),
                flags: &analysis.flags,
                trace: exchange.trace(),
                ..Asked::default()
            };
            if refusal.is_some() {
                self.core.record_refused(&asked, &judgement, now, out);
            } else {
                let statement = self.core.record_statement(&asked, &judgement, now, out);
                exchange.grants.extend(judgement.decision.grant);
                exchange.statements.push(statement);
                exchange.watch = exchange.watch.take().or(judgement.watch);
            }
        }
        if let Some(refusal) = refusal {
            let forms: Vec<&RefusalForm> = exchange.forms.iter().collect();
            return Step::Refuse(form::replies(&refusal, &forms));
        }
        exchange.subjects = Subjects::of(&self.core.effective, &analyses);
        if let Some(plan) = plan::of(&self.core.effective, &analyses, everything) {
            exchange.plan = Arc::new(plan);
        }
        let accept = analyses.into_iter().find_map(|analysis| analysis.accept);
        Step::Forward(Box::new(exchange.forward(accept)))
    }

    fn await_body(&mut self, exchange: &Exchange, now: Micros, out: &mut Output) -> Step {
        match exchange.framing {
            Framing::Length(length) if length > JUDGED_BODY as u64 => {
                self.refuse(exchange, &too_long(), now, out)
            }
            _ => Step::Body,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a request is all of this")]
    fn must_wait(
        &mut self,
        exchange: &mut Exchange,
        judgement: &mut Judgement,
        analysis: &Analysis,
        parameters: &[Option<String>],
        body: Option<&[u8]>,
        now: Micros,
        out: &mut Output,
    ) -> bool {
        let text = exchange.facts.text();
        let normalised = exchange.facts.normalised(&analysis.template);
        let fingerprint = fingerprint(&normalised);
        let asked = Asked {
            kind: &analysis.kind,
            text: &text,
            normalised: Some(&normalised),
            fingerprint: Some(&fingerprint),
            parameters,
            effects: analysis.effects,
            relations: &analysis.relations,
            complete: analysis.complete(),
            ..Asked::default()
        };
        let place = Place {
            database: "",
            db_user: "",
        };
        let sent: [&[u8]; 4] = [
            exchange.facts.http.host.as_bytes(),
            exchange.head.method.as_bytes(),
            exchange.head.target.as_str().as_bytes(),
            body.unwrap_or_default(),
        ];
        // Several exchanges of a connection may wait at once.
        self.core.swap_hold(&mut exchange.hold);
        let waits = self.core.must_wait(judgement, &asked, &place, &sent, now, out);
        self.core.swap_hold(&mut exchange.hold);
        waits
    }

    /// Takes what a person, or the lack of one, has decided about a request that waits.
    pub fn on_ruling(
        &mut self,
        exchange: &mut Exchange,
        ruling: Ruling,
        now: Micros,
        out: &mut Output,
    ) -> Step {
        self.core.swap_hold(&mut exchange.hold);
        // Only statements wait here.
        let _ = self.core.take_ruling(ruling);
        self.core.swap_hold(&mut exchange.hold);
        if self.core.refresh_policy(now) {
            self.standing = None;
            exchange.plan = self.standing();
        }
        if exchange.whole {
            self.body_end(exchange, now, out)
        } else {
            self.judge(exchange, None, now, out)
        }
    }

    fn judge_call(
        &self,
        analysis: &Analysis,
        http: &HttpRequest,
        parameters: &[Option<String>],
        text: &str,
    ) -> Judgement {
        let effective = &self.core.effective;
        let masked: Vec<String> = analysis
            .reads
            .iter()
            .flat_map(|reads| {
                let columns = effective.columns_of("", None, &reads.relation);
                columns.map(|(column, _)| format!("{}.{column}", reads.relation))
            })
            .collect();
        let mut judgement = self.decide(Request {
            masked_columns: &masked,
            parameters,
            ..self.asked(text).of_call(analysis, http)
        });
        judgement.sensitive |= !masked.is_empty() || !analysis.secrets.is_empty();
        judgement
    }

    /// Conditions on masked columns say what is in them.
    fn guard_conditions(
        &self,
        judgement: &mut Judgement,
        analysis: &Analysis,
        now: Micros,
        out: &mut Output,
    ) {
        for condition in &analysis.conditions {
            let effective = &self.core.effective;
            let predicates = match effective.column_mask("", "", &condition.relation, &condition.column) {
                Some(masked) => masked.predicates,
                None if plan::names(effective, &condition.column) => effective.predicates(),
                None => continue,
            };
            let column = format!("{}.{}", condition.relation, condition.column);
            match predicates {
                Predicates::Allow => continue,
                Predicates::Equality if condition.equality => {}
                Predicates::Equality => {
                    return judgement.refuse(
                        MASKING,
                        format!("the condition on {column} would tell what its mask hides"),
                        "compare it for equality with a value, or leave it out of conditions".to_owned(),
                    );
                }
                Predicates::Deny => {
                    return judgement.refuse(
                        MASKING,
                        format!("{column} is masked, and the policy allows no conditions on it"),
                        "choose by other columns".to_owned(),
                    );
                }
            }
            if !self
                .core
                .spend_probes(judgement, &column, &condition.values, now, out)
            {
                return;
            }
        }
    }

    /// Records a request that is refused before it could be judged, and answers it.
    fn refuse(&mut self, exchange: &Exchange, refusal: &Refusal, now: Micros, out: &mut Output) -> Step {
        let forms: Vec<&RefusalForm> = exchange.forms.iter().collect();
        self.record_refusal(
            &exchange.facts.http.method.to_ascii_lowercase(),
            refusal,
            now,
            out,
        );
        Step::Refuse(form::replies(refusal, &forms))
    }

    /// Records a refusal of something that has no analysis.
    pub(super) fn record_refusal(&mut self, kind: &str, refusal: &Refusal, now: Micros, out: &mut Output) {
        let mut judgement = Judgement::own();
        judgement.refuse(crate::session::DEFAULT, refusal.message.clone(), String::new());
        judgement.refusal = Some(refusal.clone());
        let asked = Asked {
            kind: if kind.is_empty() { "unknown" } else { kind },
            text: "[withheld]",
            ..Asked::default()
        };
        self.core.record_refused(&asked, &judgement, now, out);
    }
}

impl Exchange {
    fn call<'a>(&'a self, body: Option<&'a [u8]>) -> Call<'a> {
        Call {
            method: &self.facts.http.method,
            host: &self.facts.http.host,
            path: &self.facts.http.path,
            query: &self.facts.query,
            headers: &self.facts,
            body,
        }
    }

    /// Whether the answer has no body because the request is HEAD.
    pub fn is_head(&self) -> bool {
        self.head.method == "HEAD"
    }

    /// What the request says, as conditions see it.
    pub(super) fn http(&self) -> &HttpRequest {
        &self.facts.http
    }

    /// The W3C's trace context, if the client sent one: its trace id.
    fn trace(&self) -> Option<&str> {
        let header = self
            .facts
            .http
            .headers
            .iter()
            .find(|(name, _)| name == "traceparent");
        let id = header?.1.split('-').nth(1)?;
        (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    }

    /// What may become of a request for another protocol. HTTP/2 in clear is an offer that servers may ignore, and so do we.
    fn look_at_upgrade(&mut self) -> Result<(), Refusal> {
        let headers = &mut self.head.headers;
        if !headers.contains("Upgrade") {
            return Ok(());
        }
        let alone = headers.count("Upgrade") == 1;
        if alone && headers.has_token("Upgrade", "h2c") {
            headers.remove("Upgrade");
            headers.remove("HTTP2-Settings");
            return Ok(());
        }
        let version = headers.get("Sec-WebSocket-Version").map(|version| &version[..]);
        if alone
            && headers.has_token("Upgrade", "websocket")
            && self.head.method == "GET"
            && version == Some(WEBSOCKET_VERSION)
        {
            // Extensions change what frames are; the one in use compresses them.
            headers.remove("Sec-WebSocket-Extensions");
            self.websocket = true;
            return Ok(());
        }
        Err(Refusal::new(
            Kind::Refused,
            "interdict: the request asks for another protocol, and only WebSocket can be followed",
            Some("send it without Upgrade".to_owned()),
        ))
    }

    fn forward(&self, accept: Option<String>) -> Forward {
        let mut head = self.head.clone();
        headers::make_end_to_end(&mut head.headers);
        if self.websocket {
            // Constants are names and values.
            let _ = head.headers.set("Connection", "Upgrade");
            let _ = head.headers.set("Upgrade", "websocket");
        }
        if let Some(accept) = accept {
            let _ = head.headers.set("Accept", accept);
        }
        Forward {
            head,
            framing: self.framing,
            body: None,
        }
    }
}

fn too_long() -> Refusal {
    Refusal::new(
        Kind::Limit,
        format!(
            "interdict: the request's body has to be known before it is forwarded, and that has more than {JUDGED_BODY} bytes"
        ),
        Some("send less at a time".to_owned()),
    )
}

/// The body without its content codings; `None` if it has none.
fn decoded(headers: &Headers, sent: &[u8]) -> Result<Option<Bytes>, BodyError> {
    let list: Vec<&[u8]> = headers
        .get_all("Content-Encoding")
        .map(|value| &value[..])
        .collect();
    let codings = Coding::parse_list(&list.join(&b","[..]))?;
    if codings.is_empty() {
        return Ok(None);
    }
    let mut body = BytesMut::new();
    let mut decoder = Decoder::new(&codings);
    decoder.push(sent, &mut |piece| {
        if body.len() + piece.len() > JUDGED_BODY {
            return Err(BodyError::TooBig {
                what: "a body",
                limit: JUDGED_BODY,
            });
        }
        body.extend_from_slice(piece);
        Ok(())
    })?;
    decoder.finish()?;
    Ok(Some(body.freeze()))
}

/// The request's values by name, as they are recorded and as conditions see them.
fn parameters(analysis: &Analysis, body: Option<&[u8]>) -> Vec<Option<String>> {
    let named = |(name, value): &(String, Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => format!("{name}="),
    };
    let mut all: Vec<_> = analysis
        .arguments
        .iter()
        .map(|argument| Some(named(argument)))
        .collect();
    if let Some(body) = body {
        let kept = body.get(..RECORDED_BODY).unwrap_or(body);
        all.push(Some(format!("body={}", String::from_utf8_lossy(kept))));
    }
    all
}
