//! An answer: its head, its body, its end, as the client may see them.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::body::coding::Coding;
use interdict_policy::{Decision, Verdict};
use interdict_record::{Column, Micros};
use interdict_wire::http::{Framing, Headers, ResponseHead};

use super::body::{Label, Reading, Treated, Unshown};
use super::exchange::Exchange;
use super::watcher::Watcher;
use super::{Engine, form, headers};
use crate::output::Output;
use crate::refusal::{Kind, NotLoggedIn, Refusal, too_large};
use crate::session::{Ended, MASKING, Tally};

/// Answers of so many bytes at most are held until they are complete, so that their length can be told.
const HELD: u64 = 64 << 10;

/// What has come of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    state: State,
    status: u16,
    tally: Tally,
    /// Looks whose data it is.
    watcher: Option<Box<Watcher>>,
}

#[derive(Debug, Default)]
enum State {
    /// Not begun.
    #[default]
    Awaited,
    /// The head waits for what shows whether the body can be shown, or for the body's length.
    Held {
        head: Box<ResponseHead>,
        body: Treated,
        until_end: bool,
        shown: BytesMut,
    },
    /// The head is gone.
    Flowing { body: Treated },
    /// Complete, refused or cut.
    Over,
}

/// What goes to the client.
#[derive(Debug, Default)]
pub struct Flow {
    /// The head, if it is time for it. [`Framing::Chunked`]: the body's length is not known.
    pub head: Option<(ResponseHead, Framing)>,
    /// Then this of the body.
    pub data: BytesMut,
    /// Then the end, with trailers if there are any.
    pub end: Option<Headers>,
    /// What the service still sends of it is not wanted: its connection, or stream, is to be closed.
    pub abandon: bool,
    /// The message can't be completed: the client's connection, or stream, is to be broken off, so that it sees that.
    pub cut: bool,
}

impl Engine {
    /// The head of the answer. `framing`: of the body that follows.
    pub fn answer(
        &mut self,
        exchange: &mut Exchange,
        mut head: ResponseHead,
        framing: Framing,
        now: Micros,
        out: &mut Output,
    ) -> Flow {
        exchange.answer.status = head.status;
        exchange.answer.tally.first_byte_at = Some(now);
        let found = headers::scrub(&mut head, self.core.effective.detection());
        exchange.answer.tally.masked_cells += found;
        headers::make_end_to_end(&mut head.headers);
        let body = match treated(exchange, &head, framing) {
            Ok(body) => body,
            Err(why) => return self.stop(exchange, &unshown(&why), now, out),
        };
        let subjects = exchange.subjects.as_ref().filter(|_| has_body(framing));
        exchange.answer.watcher = subjects.map(|subjects| {
            let mut types = head.headers.get_all("Content-Type").cloned();
            let media_type = types.next();
            let label = match types.next() {
                Some(_) => Err(Unshown::Type),
                None => label(exchange, &head, media_type.as_deref(), framing),
            };
            Box::new(Watcher::new(subjects, label))
        });
        let Treated::Read(reading) = &body else {
            exchange.answer.state = State::Flowing { body };
            return Flow {
                head: Some((head, framing)),
                ..Flow::default()
            };
        };
        headers::forget_body(&mut head.headers);
        if reading.flows() {
            exchange.answer.state = State::Flowing { body };
            return Flow {
                head: Some((head, Framing::Chunked)),
                ..Flow::default()
            };
        }
        exchange.answer.state = State::Held {
            until_end: matches!(framing, Framing::Length(length) if length <= HELD),
            head: Box::new(head),
            body,
            shown: BytesMut::new(),
        };
        Flow::default()
    }

    /// More of the answer's body.
    pub fn data(&mut self, exchange: &mut Exchange, data: &[u8], now: Micros, out: &mut Output) -> Flow {
        let mut flow = Flow::default();
        let pushed = match &mut exchange.answer.state {
            State::Awaited | State::Over => return flow,
            State::Flowing { body } => body.push(data, &mut flow.data),
            State::Held { body, shown, .. } => body.push(data, shown),
        };
        if let Err(why) = pushed {
            return self.stop(exchange, &unshown(&why), now, out);
        }
        if self.core.has_ended(&exchange.grants, now) {
            return self.stop(exchange, &grant_ended(), now, out);
        }
        if let Some(refusal) = stopped_by_rule(exchange, flow.data.len()) {
            return self.stop(exchange, &refusal, now, out);
        }
        if let Some(watcher) = &mut exchange.answer.watcher {
            watcher.push(data);
        }
        let release = matches!(&exchange.answer.state, State::Held { until_end: false, shown, .. } if !shown.is_empty());
        if release
            && let State::Held {
                head, body, shown, ..
            } = std::mem::take(&mut exchange.answer.state)
        {
            flow.head = Some((*head, Framing::Chunked));
            flow.data = shown;
            exchange.answer.state = State::Flowing { body };
        }
        exchange.answer.tally.bytes += flow.data.len() as u64;
        flow
    }

    /// The answer is complete.
    pub fn end(&mut self, exchange: &mut Exchange, trailers: Headers, now: Micros, out: &mut Output) -> Flow {
        let mut flow = Flow::default();
        let finished = match &mut exchange.answer.state {
            State::Awaited | State::Over => return flow,
            State::Flowing { body } => body.finish(&mut flow.data),
            State::Held { body, shown, .. } => body.finish(shown),
        };
        if let Err(why) = finished {
            return self.stop(exchange, &unshown(&why), now, out);
        }
        if let Some(refusal) = stopped_by_rule(exchange, flow.data.len()) {
            return self.stop(exchange, &refusal, now, out);
        }
        let (body, head) = match std::mem::take(&mut exchange.answer.state) {
            State::Held {
                head, body, shown, ..
            } => {
                flow.data = shown;
                (body, Some(*head))
            }
            State::Flowing { body } => (body, None),
            State::Awaited | State::Over => (Treated::Pass, None),
        };
        flow.head = head.map(|head| (head, Framing::Length(flow.data.len() as u64)));
        let mut trailers = trailers;
        if let Treated::Read(_) = body {
            headers::forget_body(&mut trailers);
        }
        if let Some(detection) = self.core.effective.detection() {
            exchange.answer.tally.masked_cells += headers::scrub_fields(&mut trailers, detection);
        }
        flow.end = Some(trailers);
        exchange.answer.tally.bytes += flow.data.len() as u64;
        exchange.answer.take_tally(&body);
        if let Some(watcher) = exchange.answer.watcher.take() {
            exchange.answer.tally.subjects = watcher.finish();
        }
        exchange.answer.state = State::Over;
        let status = if exchange.answer.status < 400 {
            "ok"
        } else {
            "error"
        };
        self.record_ends(exchange, status, None, now, out);
        flow
    }

    /// The exchange ends before its answer is complete: one of the sides is gone.
    pub fn cut(&mut self, exchange: &mut Exchange, now: Micros, out: &mut Output) {
        if matches!(exchange.answer.state, State::Over) {
            return;
        }
        exchange.answer.settle();
        self.record_ends(exchange, "cut", None, now, out);
    }

    /// The service is not asked: the client's request can't be shown to it with credentials that are not the client's.
    pub fn not_logged_in(
        &mut self,
        exchange: &mut Exchange,
        why: &NotLoggedIn<'_>,
        now: Micros,
        out: &mut Output,
    ) -> Flow {
        let flow = replace(exchange, &crate::refusal::not_logged_in(why));
        exchange.answer.settle();
        self.record_ends(exchange, "error", None, now, out);
        flow
    }

    /// The service can't be reached, or what it answers is not HTTP as it is read here.
    pub fn unanswered(&mut self, exchange: &mut Exchange, why: &str, now: Micros, out: &mut Output) -> Flow {
        let refusal = crate::refusal::unreachable(why);
        let flow = replace(exchange, &refusal);
        exchange.answer.settle();
        self.record_ends(exchange, "error", None, now, out);
        flow
    }

    /// What is still to come of the answer is refused.
    pub(super) fn stop(
        &mut self,
        exchange: &mut Exchange,
        refusal: &(Decision, Refusal),
        now: Micros,
        out: &mut Output,
    ) -> Flow {
        let flow = replace(exchange, &refusal.1);
        exchange.answer.settle();
        self.record_ends(exchange, "refused", Some(refusal), now, out);
        flow
    }

    fn record_ends(
        &mut self,
        exchange: &mut Exchange,
        status: &'static str,
        stopped: Option<&(Decision, Refusal)>,
        now: Micros,
        out: &mut Output,
    ) {
        let code = exchange.answer.status;
        let mut tally = std::mem::take(&mut exchange.answer.tally);
        for statement_id in std::mem::take(&mut exchange.statements) {
            let columns = tally.masked_by.keys().map(|label| Column {
                label: label.clone(),
                origin: None,
                mask: None,
            });
            let columns = Arc::new(columns.collect());
            self.core.record_end(
                Ended {
                    statement_id,
                    status,
                    sqlstate: (code > 0).then(|| code.to_string()),
                    // What several parts of a request have got is told with the first.
                    tally: std::mem::take(&mut tally),
                    columns,
                    stopped: stopped.cloned(),
                },
                now,
                out,
            );
        }
    }
}

/// The refusal in the answer's place, if nothing of that is gone.
fn replace(exchange: &Exchange, refusal: &Refusal) -> Flow {
    if matches!(exchange.answer.state, State::Flowing { .. } | State::Over) {
        return Flow {
            abandon: true,
            cut: true,
            ..Flow::default()
        };
    }
    let forms: Vec<_> = exchange.forms.iter().collect();
    let mut reply = form::replies(refusal, &forms);
    let head_only = exchange.is_head();
    let length = reply.body.len() as u64;
    if head_only {
        reply.body.clear();
    }
    Flow {
        head: Some((reply.head, Framing::Length(length))),
        data: BytesMut::from(&reply.body[..]),
        end: Some(Headers::new()),
        abandon: true,
        cut: false,
    }
}

/// The grant is over under which the request was sent.
fn grant_ended() -> (Decision, Refusal) {
    let decision = Decision {
        verdict: Verdict::Deny,
        rule: Some(Decision::GRANT.into()),
        ..Decision::allow()
    };
    (
        decision,
        crate::refusal::last_words(crate::output::LastWords::Grant),
    )
}

/// Asks rules about the result before so many more bytes go on.
fn stopped_by_rule(exchange: &mut Exchange, more: usize) -> Option<(Decision, Refusal)> {
    let rows = exchange.answer.rows();
    let bytes = exchange.answer.tally.bytes + (more + exchange.answer.waiting()) as u64;
    let watch = exchange.watch.as_mut().filter(|watch| watch.due(rows, bytes))?;
    let decision = watch.check(rows, bytes)?;
    if decision.verdict == Verdict::Allow {
        exchange.watch = None;
        return None;
    }
    let mut refusal = too_large(&decision);
    if matches!(decision.verdict, Verdict::Hold(_)) {
        refusal.hint = Some(
            "an answer over HTTP can't wait for a person: ask for less of it, or ask an operator for a grant"
                .to_owned(),
        );
    }
    Some((decision, refusal))
}

impl Answer {
    /// Bytes that are ready and wait for the head.
    fn waiting(&self) -> usize {
        match &self.state {
            State::Held { shown, .. } => shown.len(),
            State::Awaited | State::Flowing { .. } | State::Over => 0,
        }
    }

    fn rows(&self) -> u64 {
        match &self.state {
            State::Held {
                body: Treated::Read(reading),
                ..
            }
            | State::Flowing {
                body: Treated::Read(reading),
            } => reading.rows,
            _ => 0,
        }
    }

    /// Nothing more comes: what was counted is what there is.
    fn settle(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Over);
        // Of what was held nothing is gone.
        if let (State::Flowing { .. }, Some(watcher)) = (&state, self.watcher.take()) {
            self.tally.subjects = watcher.seen();
        }
        if let State::Held { body, .. } | State::Flowing { body } = &state {
            self.take_tally(body);
        }
    }

    fn take_tally(&mut self, body: &Treated) {
        let Treated::Read(reading) = body else { return };
        self.tally.rows = reading.rows;
        for (name, count) in reading.tally.masked.iter().chain(&reading.tally.detected) {
            self.tally.masked_cells += count;
            *self.tally.masked_by.entry(name.to_string()).or_default() += count;
        }
    }
}

impl Treated {
    fn push(&mut self, data: &[u8], out: &mut BytesMut) -> Result<(), Unshown> {
        match self {
            Self::Pass => {
                out.extend_from_slice(data);
                Ok(())
            }
            Self::Read(reading) => reading.push(data, out),
        }
    }

    fn finish(&mut self, out: &mut BytesMut) -> Result<(), Unshown> {
        match self {
            Self::Pass => Ok(()),
            Self::Read(reading) => reading.finish(out),
        }
    }
}

/// How the body of an answer is treated.
fn treated(exchange: &Exchange, head: &ResponseHead, framing: Framing) -> Result<Treated, Unshown> {
    if exchange.plan.is_empty() || !has_body(framing) {
        return Ok(Treated::Pass);
    }
    let mut types = head.headers.get_all("Content-Type");
    let media_type = types.next().cloned();
    if types.next().is_some() {
        return Err(Unshown::Type);
    }
    let ranges = media_type.as_ref().is_some_and(|media_type| {
        media_type
            .to_ascii_lowercase()
            .starts_with(b"multipart/byteranges")
    });
    if ranges {
        return Err(Unshown::Part);
    }
    let label = label(exchange, head, media_type.as_deref(), framing)?;
    let reading = Reading::new(&label, Arc::clone(&exchange.plan))?;
    Ok(Treated::Read(Box::new(reading)))
}

fn has_body(framing: Framing) -> bool {
    !matches!(framing, Framing::None | Framing::Length(0))
}

/// What a head says of its body.
fn label<'a>(
    exchange: &Exchange,
    head: &ResponseHead,
    media_type: Option<&'a [u8]>,
    framing: Framing,
) -> Result<Label<'a>, Unshown> {
    let list: Vec<&[u8]> = head
        .headers
        .get_all("Content-Encoding")
        .map(|value| &value[..])
        .collect();
    Ok(Label {
        media_type,
        codings: Coding::parse_list(&list.join(&b","[..])).map_err(|error| Unshown::Body(error.into()))?,
        lines: exchange.lines,
        flows: !matches!(framing, Framing::Length(_)),
        part: head.status == 206 || head.headers.contains("Content-Range"),
    })
}

fn unshown(why: &Unshown) -> (Decision, Refusal) {
    let message = format!("interdict: the answer is not shown: {why}");
    let mut decision = Decision::allow();
    decision.verdict = Verdict::Deny;
    decision.rule = Some(MASKING.into());
    decision.message = Some(message.clone());
    let refusal = Refusal::new(
        Kind::Refused,
        message,
        Some(
            "an operator can change what the policy masks and what it does with content it can't read"
                .to_owned(),
        ),
    );
    (decision, refusal)
}
