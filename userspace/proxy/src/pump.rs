//! Bytes between two sockets, through an engine.
//!
//! One task, one loop: what can be written is written, what the engine will take is given to it, what there is room for
//! is read. Nothing is read from a side while the other has more than [`HIGH`] bytes waiting, so that backpressure
//! reaches whoever is too fast. While a record is on its way to disk the session stands still: that is what "durable before
//! forward" costs, and all that it costs.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use interdict_approvals::{About, Desk};
use interdict_audit::{Audit, AuditError};
use interdict_masking::Finding;
use interdict_session::{Action, EndReason, Engine, LastWords, Output, Question};
use tokio::io::AsyncWrite as _;
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::catalogue::Keeping;
use crate::connection::{Connection, ServeError};
use crate::holding::{self, Answer as Answered, Cancels};
use crate::opinion::Opinions;
use crate::orders::{self, Ending, Orders};
use crate::side::{HIGH, Side};
use crate::stream::Stream;
use crate::tape::Tape;
use crate::warm::Keep;
use crate::{Proxy, now};

type Gate = Pin<Box<dyn Future<Output = Result<(), AuditError>> + Send>>;

/// A service's answer on its way, and what it was asked.
type Answer = Pin<Box<dyn Future<Output = (Question, Result<Vec<Vec<Finding>>, String>)> + Send>>;

/// A change of the grants on its way.
type Change = Pin<Box<dyn Future<Output = watch::Receiver<u64>> + Send>>;

/// A look at the catalogue on its way.
type Look = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

pub(crate) struct Pump {
    engine: Engine,
    audit: Arc<Audit>,
    opinions: Opinions,
    orders: watch::Receiver<Orders>,
    drain: Duration,
    client: Side,
    server: Side,
    /// Records on their way; the output that waits for them.
    gate: Option<Gate>,
    held: Output,
    answers: Vec<Answer>,
    keeping: Option<Keeping>,
    look: Option<Look>,
    desk: Arc<Desk>,
    cancels: Cancels,
    about: About,
    ruling: Option<Answered>,
    grants: watch::Receiver<u64>,
    /// Grants have changed; waited for once the session rests on one.
    change: Option<Change>,
    /// Until the engine is told the time.
    alarm: Option<Pin<Box<Sleep>>>,
    closing: Option<EndReason>,
    tape: Tape,
    /// The session with the server may be the next client's.
    keep: Option<Keep>,
}

impl Pump {
    pub(crate) fn new(
        proxy: &Proxy,
        connection: &Connection,
        engine: Engine,
        client: Stream,
        server: Stream,
        left: BytesMut,
        out: Output,
    ) -> Self {
        let mut pump = Self {
            engine,
            audit: Arc::clone(&proxy.audit),
            opinions: proxy.opinions.clone(),
            orders: proxy.orders.clone(),
            drain: proxy.drain,
            client: Side::new(client, left),
            server: Side::new(server, BytesMut::new()),
            gate: None,
            held: Output::default(),
            answers: Vec::new(),
            keeping: None,
            look: None,
            desk: Arc::clone(&proxy.desk),
            cancels: proxy.cancels.clone(),
            about: connection.about(),
            ruling: None,
            grants: proxy.desk.grants_changed(),
            change: None,
            alarm: None,
            closing: None,
            tape: connection.tape(),
            keep: None,
        };
        pump.apply(out);
        pump
    }

    /// With a login for the service's catalogue.
    pub(crate) fn with_catalogue(mut self, keeping: Option<Keeping>) -> Self {
        self.keeping = keeping;
        self
    }

    /// With what it takes to keep the session with the server for the next client.
    pub(crate) fn with_keep(mut self, keep: Option<Keep>) -> Self {
        self.keep = keep;
        self
    }

    /// With what was read of the server already.
    pub(crate) fn with_server_input(mut self, said: BytesMut) -> Self {
        self.server.input = said;
        self
    }

    /// Runs a workload's session to its end. In a box, as a future has room for its arguments twice.
    pub(crate) async fn run(mut self: Box<Self>, workload: Option<&str>) -> Result<(), ServeError> {
        let mut orders = self.orders.clone();
        let ended = tokio::select! {
            result = poll_fn(|cx| self.poll(cx)) => Ok(result),
            order = orders::ending(&mut orders, workload) => Err(order),
        };
        let ended = match ended {
            Ok(result) => Some(result),
            Err(Ending::Quarantine) => {
                self.end(EndReason::Quarantine, LastWords::Quarantine);
                None
            }
            Err(Ending::Stop) => {
                let ended = self.finish_what_runs().await;
                if ended.is_none() {
                    self.end(EndReason::Shutdown, LastWords::Shutdown);
                }
                ended
            }
        };
        let result = ended.unwrap_or(Ok(()));
        let reason = match (&result, self.closing) {
            (_, Some(reason)) => reason,
            (Err(_), None) => EndReason::Error,
            (Ok(()), None) => EndReason::Server,
        };
        let keep = self
            .keep
            .take()
            .filter(|_| reason == EndReason::Client && self.is_reusable());
        // Last words are given a moment: a side that does not read is not waited for.
        let kept = keep.is_some();
        let _ = tokio::time::timeout(Duration::from_secs(5), poll_fn(|cx| self.poll_drain(cx, kept))).await;
        let mut out = Output::default();
        out.records = self.tape.finish(now());
        self.engine.finish(reason, now(), &mut out);
        // Nothing waits for it: what it tells of is over.
        self.audit.note(out.records).await?;
        if let Some(keep) = keep {
            keep.give(self.server.stream);
        }
        ServeError::of_session(result)
    }

    /// Goes on until nothing is unfinished, for as long as sessions get for that. What came of the session if it ended by
    /// itself meanwhile.
    async fn finish_what_runs(&mut self) -> Option<Result<(), ServeError>> {
        let drain = self.drain;
        let finished = poll_fn(|cx| {
            let written = self.client.output.is_empty() && self.server.output.is_empty();
            if self.gate.is_none() && written && self.engine.is_idle() {
                return Poll::Ready(None);
            }
            self.poll(cx).map(Some)
        });
        tokio::time::timeout(drain, finished).await.unwrap_or(None)
    }

    /// Whether the session with the server can be the next client's: nothing is on its way in either direction.
    fn is_reusable(&self) -> bool {
        let quiet = self.server.output.is_empty() && self.server.input.is_empty() && !self.server.ended;
        quiet && self.gate.is_none() && self.engine.is_reusable()
    }

    fn end(&mut self, reason: EndReason, why: LastWords) {
        let last_words = self.engine.last_words(why);
        self.tape.said(&last_words);
        self.client.output.extend_from_slice(&last_words);
        self.closing.get_or_insert(reason);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ServeError>> {
        // Bounded, so that one busy session does not starve the others of its thread.
        for _ in 0..64 {
            let mut progress = false;
            if let Some(gate) = &mut self.gate {
                match gate.as_mut().poll(cx) {
                    Poll::Ready(Ok(())) => {
                        self.gate = None;
                        self.release();
                        progress = true;
                    }
                    Poll::Ready(Err(error)) => {
                        self.end(EndReason::Error, LastWords::Audit);
                        return Poll::Ready(Err(error.into()));
                    }
                    Poll::Pending => {}
                }
            }
            progress |= self.server.poll_write(cx)?;
            progress |= self.client.poll_write(cx)?;
            if self.gate.is_none() {
                if self.closing.is_some() {
                    return Poll::Ready(Ok(()));
                }
                progress |= self.poll_answers(cx);
                progress |= self.poll_look(cx);
                progress |= self.poll_ruling(cx);
                progress |= self.poll_grants(cx);
                if self.gate.is_none() {
                    progress |= self.step();
                }
            }
            if self.gate.is_none() && self.closing.is_none() {
                if self.client.output.len() < HIGH && !self.engine.is_asking() && self.server.poll_read(cx)? {
                    progress = true;
                }
                // Who waits for a person may go away meanwhile.
                let listens =
                    self.engine.wants_client() || (self.ruling.is_some() && self.client.input.len() < HIGH);
                if listens && self.server.output.len() < HIGH && self.client.poll_read(cx)? {
                    progress = true;
                }
                if self.client.ended && (self.client.input.is_empty() || self.ruling.is_some()) {
                    self.closing = Some(EndReason::Client);
                    progress = true;
                } else if self.server.ended
                    && self.server.input.is_empty()
                    && !self.engine.is_asking()
                    && self.engine.deadline().is_none()
                {
                    self.closing = Some(EndReason::Server);
                    progress = true;
                }
            }
            if !progress && !self.poll_alarm(cx) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives the engine what services answered; true if there was anything.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> bool {
        let mut index = 0;
        while self.gate.is_none()
            && let Some(answer) = self.answers.get_mut(index)
        {
            let Poll::Ready((question, found)) = answer.as_mut().poll(cx) else {
                index += 1;
                continue;
            };
            drop(self.answers.swap_remove(index));
            let mut out = Output::default();
            self.engine.on_opinion(&question, found, now(), &mut out);
            self.apply(out);
            return true;
        }
        false
    }

    /// Tells the engine that the catalogue was looked at; true if it was so.
    fn poll_look(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(look) = self.look.as_mut().filter(|_| self.gate.is_none()) else {
            return false;
        };
        let Poll::Ready(came) = look.as_mut().poll(cx) else {
            return false;
        };
        self.look = None;
        let mut out = Output::default();
        self.engine.on_catalogue(came, now(), &mut out);
        self.apply(out);
        true
    }

    /// Gives the engine what a person decided; true if it was so.
    fn poll_ruling(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(answer) = self.ruling.as_mut().filter(|_| self.gate.is_none()) else {
            return false;
        };
        let Poll::Ready(ruling) = answer.as_mut().poll(cx) else {
            return false;
        };
        self.ruling = None;
        let mut out = Output::default();
        self.engine.on_ruling(ruling, now(), &mut out);
        self.apply(out);
        true
    }

    /// Tells the engine the time when grants have changed; true if it was so.
    fn poll_grants(&mut self, cx: &mut Context<'_>) -> bool {
        if self.gate.is_some() || !self.engine.rests_on_grant() {
            return false;
        }
        let grants = &self.grants;
        let change = self.change.get_or_insert_with(|| {
            let mut grants = grants.clone();
            // What changed before is looked at, too.
            grants.mark_changed();
            changed(grants)
        });
        let Poll::Ready(grants) = change.as_mut().poll(cx) else {
            return false;
        };
        self.change = Some(changed(grants));
        let mut out = Output::default();
        self.engine.on_time(now(), &mut out);
        self.apply(out);
        true
    }

    /// Tells the engine the time when it wanted to know it; true if it was so.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.engine.deadline().filter(|_| self.gate.is_none()) else {
            self.alarm = None;
            return false;
        };
        let left = u64::try_from(deadline - now()).unwrap_or_default();
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_micros(left))));
        if alarm.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.alarm = None;
        let mut out = Output::default();
        self.engine.on_time(now(), &mut out);
        self.apply(out);
        true
    }

    /// Gives the engine what was read; true if it took anything or asked for anything.
    fn step(&mut self) -> bool {
        let mut out = Output::default();
        let before = (self.client.input.len(), self.server.input.len());
        if !self.server.input.is_empty() && !self.engine.is_asking() {
            self.engine.on_server(&mut self.server.input, now(), &mut out);
        }
        if self.engine.wants_client()
            && out.action.is_none()
            && (self.engine.has_waiting() || !self.client.input.is_empty())
        {
            self.engine.on_client(&mut self.client.input, now(), &mut out);
        }
        let took = before != (self.client.input.len(), self.server.input.len());
        let gave = !out.to_client.is_empty()
            || !out.to_server.is_empty()
            || !out.records.is_empty()
            || !out.questions.is_empty()
            || out.catalogue.is_some()
            || out.petition.is_some()
            || out.action.is_some();
        self.client.trim();
        self.server.trim();
        if gave {
            self.apply(out);
        }
        took || gave
    }

    /// Sends records off; what must wait for them waits.
    fn apply(&mut self, mut out: Output) {
        self.tape.output(&mut out, now());
        let records = std::mem::take(&mut out.records);
        self.held = out;
        if records.is_empty() {
            self.release();
            return;
        }
        let audit = Arc::clone(&self.audit);
        self.gate = Some(Box::pin(async move { audit.put(records).await }));
    }

    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.client.put(held.to_client);
        self.server.put(held.to_server);
        for question in held.questions {
            let opinions = self.opinions.clone();
            self.answers.push(Box::pin(async move {
                let answer = match question.opinion() {
                    Some(opinion) => opinions.ask(opinion.clone(), Arc::clone(&question.texts)).await,
                    None => Err("nobody is to be asked".to_owned()),
                };
                (question, answer)
            }));
        }
        if let Some(key) = held.catalogue {
            self.look = Some(match &mut self.keeping {
                Some(keeping) => Box::pin(keeping.look(key)),
                None => Box::pin(async { Err("there is no login for it".to_owned()) }),
            });
        }
        if let Some(petition) = held.petition {
            let key = self.engine.cancel_key().cloned();
            self.ruling = Some(holding::ask(
                &self.desk,
                &self.cancels,
                *petition,
                self.about.clone(),
                key,
            ));
        }
        if let Some(Action::Close(reason)) = held.action {
            self.closing = Some(reason);
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>, kept: bool) -> Poll<io::Result<()>> {
        while self.server.poll_write(cx)? {}
        while self.client.poll_write(cx)? {}
        if !self.client.output.is_empty() || !self.server.output.is_empty() {
            return Poll::Pending;
        }
        if !kept {
            let _ = ready!(Pin::new(&mut self.server.stream).poll_shutdown(cx));
        }
        let _ = ready!(Pin::new(&mut self.client.stream).poll_shutdown(cx));
        Poll::Ready(Ok(()))
    }
}

/// Waits for the next change; for ever, if nobody makes one any more.
fn changed(mut grants: watch::Receiver<u64>) -> Change {
    Box::pin(async move {
        if grants.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        grants
    })
}
