//! HTTP/1: one request after another, each with its answer.

mod answers;
mod requests;
mod socket;

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use interdict_record::Record;
use interdict_session::http::hide_credentials;
use interdict_session::http::{Engine, Exchange, Socket};
use interdict_session::{EndReason, LastWords, Output};
use interdict_wire::http::{
    Exchange as Asked, Framing, Headers, Limits, RequestReader, ResponseHead, ResponseReader,
    Version as Written,
};

use super::{Opened, Way, commit};
use crate::connection::{Connection, ServeError};
use crate::credentials::http::Injection;
use crate::orders::{self, Ending};
use crate::side::Side;
use crate::stream::Stream;
use crate::tape::Tape;
use crate::{Proxy, now};

/// Bytes waiting for a slow side at which the other is no longer read. Bodies that are masked hold some besides.
const HIGH: usize = 128 << 10;
/// Bytes of the service's that go on in one turn, if they are there already.
const GATHERED: usize = 64 << 10;
/// What a client may send ahead while its request is answered, in bytes: enough to see that it is gone.
const AHEAD: usize = 64 << 10;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

pub(super) struct One<'a> {
    proxy: &'a Proxy,
    engine: Engine,
    way: Way<'a>,
    client: Side,
    server: Option<Server>,
    requests: RequestReader,
    /// Boxed, as an idle connection has none.
    current: Option<Box<Current>>,
    socket: Option<Box<Socket>>,
    /// What is decided at the end of what is under way.
    closing: Option<EndReason>,
    stopping: bool,
    tape: Tape,
    /// Bytes for the client that the tape has.
    taped: u64,
    /// Where heads are in those that it has not.
    heads: Vec<Range<u64>>,
    /// Frames that are not on their way to the journal yet.
    frames: Vec<Record>,
}

/// The connection to the service.
struct Server {
    side: Side,
    responses: ResponseReader,
    /// It has answered a request already, and may have been closed since.
    used: bool,
}

/// The request under way.
struct Current {
    exchange: Exchange,
    /// Its body decides what is done with it.
    judged: bool,
    /// All of it has come.
    received: bool,
    /// How its body goes to the service.
    sent_as: Framing,
    /// How the answer goes to the client, once its head is gone.
    answered_as: Option<Framing>,
    written: Written,
    keep: bool,
    /// The client waits to be told to go on.
    awaits: bool,
    /// Trailers of the answer, until its end.
    trailers: Headers,
    /// It may be sent again where a connection turns out to be closed, and this is what was sent.
    again: Option<Bytes>,
    /// The service's credentials were put in it.
    injection: Option<Injection>,
    asked: Asked,
}

/// What carries a connection that is open. No `async` function, which would keep room for all of its values.
pub(super) fn open<'a>(proxy: &'a Proxy, connection: &'a Connection, opened: Opened) -> Box<One<'a>> {
    Box::new(One {
        proxy,
        engine: opened.engine(proxy, connection),
        tape: connection.tape(),
        way: opened.way(connection),
        client: Side::new(opened.client, opened.left),
        server: opened.server.map(Server::new),
        requests: RequestReader::new(Limits::default()),
        current: None,
        socket: None,
        closing: None,
        stopping: false,
        taped: 0,
        heads: Vec::new(),
        frames: Vec::new(),
    })
}

impl One<'_> {
    /// Serves the connection to its end.
    pub(super) async fn run(mut self: Box<Self>) -> Result<(), ServeError> {
        let connection = self.way.connection;
        let mut orders = self.proxy.orders.clone();
        let ended = tokio::select! {
            result = self.go_on() => Ok(result),
            order = orders::ending(&mut orders, connection.workload.as_deref()) => Err(order),
        };
        let (result, reason) = match ended {
            Ok(result) => {
                let reason = self.closing.unwrap_or(EndReason::Error);
                (result, reason)
            }
            Err(Ending::Quarantine) => {
                self.say_last(LastWords::Quarantine);
                (Ok(()), EndReason::Quarantine)
            }
            Err(Ending::Stop) => {
                self.stopping = true;
                let drained = tokio::time::timeout(self.proxy.drain, self.go_on()).await;
                if drained.is_err() {
                    self.say_last(LastWords::Shutdown);
                }
                (drained.unwrap_or(Ok(())), EndReason::Shutdown)
            }
        };
        self.finish(reason).await?;
        ServeError::of_session(result)
    }

    async fn go_on(&mut self) -> Result<(), ServeError> {
        loop {
            if self.closing.is_some() && self.current.is_none() && self.socket.is_none() {
                return Ok(());
            }
            if self.stopping && self.current.is_none() && self.socket.is_none() {
                return Ok(());
            }
            if self.socket.is_some() {
                if !self.follow_socket().await? {
                    self.turn().await?;
                }
                continue;
            }
            if !self.take_response().await? && !self.take_request().await? {
                self.look_for_ends().await?;
                if self.closing.is_none() || self.current.is_some() {
                    self.turn().await?;
                }
            }
        }
    }

    /// Gives the tape what was put on its way to the client.
    fn keep(&mut self) {
        let all = self.client.written + self.client.output.len() as u64;
        let fresh = usize::try_from(all - self.taped).unwrap_or(usize::MAX);
        let from = self.client.output.len().saturating_sub(fresh);
        let bytes = self.client.output.get(from..).unwrap_or_default();
        let heads = std::mem::take(&mut self.heads);
        if heads.is_empty() {
            self.tape.bytes(bytes, now(), &mut self.frames);
        } else {
            // What lets somebody in is nothing to keep.
            let mut kept = bytes.to_vec();
            let place = |at: u64| usize::try_from(at.saturating_sub(self.taped)).unwrap_or(usize::MAX);
            for head in heads {
                if let Some(head) = kept.get_mut(place(head.start)..place(head.end)) {
                    self.tape.hides |= hide_credentials(head);
                }
            }
            self.tape.bytes(kept, now(), &mut self.frames);
            self.tape.hides = false;
        }
        self.taped = all;
    }

    /// Writes down what an output tells of. What was shown before belongs to what came before.
    async fn commit(&mut self, out: &mut Output) -> Result<(), ServeError> {
        self.keep();
        self.tape.note(&out.records);
        let mut records = std::mem::take(&mut self.frames);
        records.append(&mut out.records);
        out.records = records;
        commit(self.proxy, out).await
    }

    /// Lets bytes move until something has moved.
    async fn turn(&mut self) -> Result<(), ServeError> {
        self.keep();
        if !self.frames.is_empty() {
            // Nothing waits for them: what they are of is recorded.
            self.proxy.audit.note(std::mem::take(&mut self.frames)).await?;
        }
        let Self {
            client,
            server,
            current,
            socket,
            ..
        } = self;
        let mut server = server.as_mut().map(|server| &mut server.side);
        let awaits_body = current.as_ref().is_none_or(|current| !current.received);
        let most = if awaits_body || socket.is_some() {
            HIGH
        } else {
            AHEAD
        };
        poll_fn(|cx| {
            let mut moved = client.poll_write(cx)?;
            let room = client.output.len() < HIGH;
            let mut taken = true;
            if let Some(server) = server.as_deref_mut() {
                // A service that resets its connection has ended, as one that closes it: what becomes of the request is told where its
                // answer is missed.
                moved |= server.poll_write(cx).unwrap_or_else(|_| server.drop_output());
                taken = server.output.len() < HIGH;
                let read =
                    |server: &mut Side, cx: &mut _| server.poll_read(cx).unwrap_or_else(|_| server.breaks());
                if room && server.input.len() < HIGH && read(server, cx) {
                    moved = true;
                    // TLS gives a record at a time, and each turn costs frames of its own and a write.
                    while server.input.len() < GATHERED && read(server, cx) {}
                }
            }
            if taken && client.input.len() < most {
                moved |= client.poll_read(cx)?;
            }
            if moved {
                Poll::Ready(io::Result::Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await?;
        Ok(())
    }

    /// Sees whether a side is gone while nothing else can be done.
    async fn look_for_ends(&mut self) -> Result<(), ServeError> {
        if self.server.as_ref().is_some_and(|server| server.side.ended) && self.current.is_none() {
            self.server = None;
        }
        if !self.client.ended || self.closing.is_some() {
            return Ok(());
        }
        match &self.current {
            // It may have closed its half only, and wait for the answer, and for those to what it sent before.
            Some(current) if current.received => {
                let last = self.client.input.is_empty();
                if let Some(current) = self.current.as_mut().filter(|_| last) {
                    current.keep = false;
                }
                Ok(())
            }
            Some(_) => {
                self.closing = Some(EndReason::Client);
                self.cut().await
            }
            None => {
                let inside = self.requests.end_of_input(&self.client.input).is_err();
                self.closing = Some(if inside {
                    EndReason::Desynchronised
                } else {
                    EndReason::Client
                });
                Ok(())
            }
        }
    }

    async fn cut(&mut self) -> Result<(), ServeError> {
        let mut out = Output::default();
        if let Some(mut current) = self.current.take() {
            self.engine.cut(&mut current.exchange, now(), &mut out);
        }
        self.commit(&mut out).await
    }

    /// What the client is told when its connection ends from outside, if it has not been told something else already.
    fn say_last(&mut self, why: LastWords) {
        let begun = self
            .current
            .as_ref()
            .is_some_and(|current| current.answered_as.is_some());
        if self.current.is_some() && !begun && self.socket.is_none() {
            self.write_reply(Engine::last_words(why));
        }
    }

    /// Writes what is left, then the end.
    async fn finish(&mut self, reason: EndReason) -> Result<(), ServeError> {
        self.keep();
        let client = &mut self.client;
        // A side that does not read is not waited for.
        let drained = poll_fn(|cx| {
            while client.poll_write(cx)? {}
            if client.output.is_empty() {
                Poll::Ready(io::Result::Ok(()))
            } else {
                Poll::Pending
            }
        });
        let _ = tokio::time::timeout(Duration::from_secs(5), drained).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), self.client.close()).await;
        self.cut().await?;
        let mut out = Output::default();
        if let Some(socket) = self.socket.take() {
            self.engine.socket_over(*socket, now(), &mut out);
        }
        self.engine.passed(self.client.read, self.client.written);
        self.engine.finish(reason, now(), &mut out);
        self.tape.tell_missing(&mut self.frames);
        self.commit(&mut out).await
    }
}

/// Puts a head on its way to a client, and notes where it is. False if it can't be written.
fn put_head(head: &ResponseHead, client: &mut Side, heads: &mut Vec<Range<u64>>) -> bool {
    let from = client.written + client.output.len() as u64;
    let written = head.encode(&mut client.output).is_ok();
    heads.push(from..client.written + client.output.len() as u64);
    written
}

impl Server {
    fn new(stream: Stream) -> Self {
        Self {
            side: Side::new(stream, BytesMut::new()),
            responses: ResponseReader::new(Limits::default()),
            used: false,
        }
    }
}
