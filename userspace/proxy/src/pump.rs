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

use bytes::{Buf as _, BytesMut};
use interdict_audit::{Audit, AuditError};
use interdict_record::Record;
use interdict_session::postgres::{Engine, quarantined, shutting_down};
use interdict_session::{Action, EndReason, Output};
use tokio::io::AsyncWrite as _;
use tokio::sync::watch;
use tokio_util::io::poll_read_buf;

use crate::connection::ServeError;
use crate::orders::{self, Ending, Orders};
use crate::stream::Stream;
use crate::{Proxy, now};

/// Bytes waiting for a slow side at which the other is no longer read.
const HIGH: usize = 256 << 10;
/// A read buffer begins at the least and grows to the most while reads fill it.
const READ_LEAST: usize = 8 << 10;
const READ_MOST: usize = 128 << 10;

type Gate = Pin<Box<dyn Future<Output = Result<(), AuditError>> + Send>>;

pub(crate) struct Pump {
    engine: Engine,
    audit: Arc<Audit>,
    orders: watch::Receiver<Orders>,
    drain: Duration,
    client: Side,
    server: Side,
    /// Records on their way; the output that waits for them.
    gate: Option<Gate>,
    held: Output,
    closing: Option<EndReason>,
}

/// One socket with what was read from it and what is to be written to it.
struct Side {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    read_size: usize,
    ended: bool,
    flushed: bool,
}

impl Pump {
    pub(crate) fn new(
        proxy: &Proxy,
        engine: Engine,
        client: Stream,
        server: Stream,
        left: BytesMut,
        out: Output,
    ) -> Self {
        let mut pump = Self {
            engine,
            audit: Arc::clone(&proxy.audit),
            orders: proxy.orders.clone(),
            drain: proxy.drain,
            client: Side::new(client, left),
            server: Side::new(server, BytesMut::new()),
            gate: None,
            held: Output::default(),
            closing: None,
        };
        pump.apply(out);
        pump
    }

    /// Runs a workload's session to its end.
    pub(crate) async fn run(mut self, workload: Option<&str>) -> Result<(), ServeError> {
        let mut orders = self.orders.clone();
        let ended = tokio::select! {
            result = poll_fn(|cx| self.poll(cx)) => Ok(result),
            order = orders::ending(&mut orders, workload) => Err(order),
        };
        let ended = match ended {
            Ok(result) => Some(result),
            Err(Ending::Quarantine) => {
                self.end(EndReason::Quarantine, &quarantined());
                None
            }
            Err(Ending::Stop) => {
                let ended = self.finish_what_runs().await;
                if ended.is_none() {
                    self.end(EndReason::Shutdown, &shutting_down());
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
        // Last words are given a moment: a side that does not read is not waited for.
        let _ = tokio::time::timeout(Duration::from_secs(5), poll_fn(|cx| self.poll_drain(cx))).await;
        let mut out = Output::default();
        self.engine.finish(reason, now(), &mut out);
        // Nothing waits for it: what it tells of is over.
        let _queued = self.audit.append(out.records).await?;
        match result {
            // A peer that resets its connection is an end like any other.
            Err(ServeError::Io(_)) => Ok(()),
            other => other,
        }
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

    fn end(&mut self, reason: EndReason, last_words: &[u8]) {
        self.client.output.extend_from_slice(last_words);
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
                        self.client
                            .output
                            .extend_from_slice(&interdict_session::postgres::audit_failed());
                        self.closing = Some(EndReason::Error);
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
                progress |= self.step();
            }
            if self.gate.is_none() && self.closing.is_none() {
                if self.client.output.len() < HIGH && self.server.poll_read(cx)? {
                    progress = true;
                }
                if self.engine.wants_client()
                    && self.server.output.len() < HIGH
                    && self.client.poll_read(cx)?
                {
                    progress = true;
                }
                if self.client.ended && self.client.input.is_empty() {
                    self.closing = Some(EndReason::Client);
                    progress = true;
                } else if self.server.ended && self.server.input.is_empty() {
                    self.closing = Some(EndReason::Server);
                    progress = true;
                }
            }
            if !progress {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives the engine what was read; true if it took anything or asked for anything.
    fn step(&mut self) -> bool {
        let mut out = Output::default();
        let before = (self.client.input.len(), self.server.input.len());
        if !self.server.input.is_empty() {
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
        let records = std::mem::take(&mut out.records);
        self.held = out;
        if records.is_empty() {
            self.release();
            return;
        }
        let audit = Arc::clone(&self.audit);
        let must_wait = records.iter().any(Record::must_precede_forwarding);
        self.gate = Some(Box::pin(async move {
            let ticket = audit.append(records).await?;
            if must_wait { ticket.durable().await } else { Ok(()) }
        }));
    }

    fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.client.put(held.to_client);
        self.server.put(held.to_server);
        if let Some(Action::Close(reason)) = held.action {
            self.closing = Some(reason);
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.server.poll_write(cx)? {}
        while self.client.poll_write(cx)? {}
        if !self.client.output.is_empty() || !self.server.output.is_empty() {
            return Poll::Pending;
        }
        let _ = ready!(Pin::new(&mut self.server.stream).poll_shutdown(cx));
        let _ = ready!(Pin::new(&mut self.client.stream).poll_shutdown(cx));
        Poll::Ready(Ok(()))
    }
}

impl Side {
    fn new(stream: Stream, input: BytesMut) -> Self {
        Self {
            stream,
            input,
            output: BytesMut::new(),
            read_size: READ_LEAST,
            ended: false,
            flushed: true,
        }
    }

    fn put(&mut self, bytes: BytesMut) {
        if self.output.is_empty() {
            self.output = bytes;
        } else {
            self.output.extend_from_slice(&bytes);
        }
    }

    /// Writes what is waiting; true if anything was written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut progress = false;
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.output.advance(count);
                    self.flushed = false;
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.output.is_empty() && !self.flushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {}
            }
        }
        Ok(progress)
    }

    /// Reads once; true if there was something, the end included.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.ended || self.stream.is_idle(cx) {
            return Ok(false);
        }
        self.input.reserve(self.read_size);
        match poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.input) {
            Poll::Ready(Ok(0)) => {
                self.ended = true;
                Ok(true)
            }
            Poll::Ready(Ok(count)) => {
                self.read_size = if count >= self.read_size {
                    (count * 2).min(READ_MOST)
                } else {
                    self.read_size
                };
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => {
                self.trim();
                Ok(false)
            }
        }
    }

    /// Holds no memory for a side that says nothing.
    fn trim(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 0 {
            self.input = BytesMut::new();
            self.read_size = READ_LEAST.max(self.read_size / 2);
        }
    }
}
