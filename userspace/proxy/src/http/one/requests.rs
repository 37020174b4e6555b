//! What the client sends, and what becomes of it.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use interdict_policy::Ruling;
use interdict_session::http::{Forward, Reply, Step};
use interdict_session::{EndReason, Output};
use interdict_wire::http::{
    Exchange as Asked, Framing, Headers, RequestHead, RequestPart, Version as Written, write_chunk,
    write_last_chunk,
};

use super::{CONTINUE, Current, One, Server};
use crate::connection::ServeError;
use crate::credentials::http::inject;
use crate::holding;
use crate::now;
use crate::side::HIGH;

impl One<'_> {
    /// Takes one part of what the client sent; false if there is none.
    pub(super) async fn take_request(&mut self) -> Result<bool, ServeError> {
        if self.current.as_ref().is_some_and(|current| current.received) || self.closing.is_some() {
            return Ok(false);
        }
        let mut out = Output::default();
        match self.requests.next(&mut self.client.input) {
            Ok(Some(part)) => {
                if let Some(step) = self.judge(part, &mut out) {
                    self.follow(step, &mut out).await?;
                }
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => {
                self.refuse_bytes(&error.to_string(), &mut out).await?;
                Ok(true)
            }
        }
    }

    /// What the engine says of a part, unless that goes straight on: its request is judged already. No `async` function, which
    /// would keep room for all of the exchange.
    fn judge(&mut self, part: RequestPart, out: &mut Output) -> Option<Step> {
        match part {
            RequestPart::Head(head, framing) => {
                let bodiless = matches!(framing, Framing::None | Framing::Length(0));
                if bodiless {
                    // Nothing has to come for it.
                    let end = self.requests.next(&mut self.client.input);
                    debug_assert_eq!(end, Ok(Some(RequestPart::End)), "the end of no body");
                }
                Some(self.begin(head, framing, bodiless, out))
            }
            RequestPart::Data(data) => self.take_body(&data, out),
            RequestPart::Trailers(trailers) => {
                self.pass_trailers(&trailers);
                None
            }
            RequestPart::End => self.end_body(out),
        }
    }

    fn begin(&mut self, head: RequestHead, framing: Framing, bodiless: bool, out: &mut Output) -> Step {
        let (written, keep) = (head.version, head.keeps_alive());
        let awaits = head.headers.has_token("Expect", "100-continue");
        let (mut exchange, mut step) = self.engine.begin(head, framing, now(), out);
        if bodiless && matches!(step, Step::Body) {
            step = self.engine.body_end(&mut exchange, now(), out);
        }
        self.current = Some(Box::new(Current {
            exchange,
            judged: false,
            received: bodiless,
            trailers: Headers::new(),
            sent_as: framing,
            answered_as: None,
            written,
            keep: keep && !self.stopping,
            awaits,
            again: None,
            injection: None,
            asked: Asked::Other,
        }));
        step
    }

    fn take_body(&mut self, data: &[u8], out: &mut Output) -> Option<Step> {
        let current = self.current.as_mut()?;
        current.again = None;
        if current.judged {
            if let Some(server) = &mut self.server {
                match current.sent_as {
                    Framing::Chunked => write_chunk(data, &mut server.side.output),
                    _ => server.side.output.extend_from_slice(data),
                }
            }
            return None;
        }
        Some(self.engine.body(&mut current.exchange, data, now(), out))
    }

    /// Ends the body with them. The request's end comes as a part of its own.
    fn pass_trailers(&mut self, trailers: &Headers) {
        if let Some(current) = &mut self.current
            && current.judged
            && let (Framing::Chunked, Some(server)) = (current.sent_as, &mut self.server)
        {
            let _ = write_last_chunk(trailers, &mut server.side.output);
            current.sent_as = Framing::None;
        }
    }

    fn end_body(&mut self, out: &mut Output) -> Option<Step> {
        let current = self.current.as_mut()?;
        current.received = true;
        if current.judged {
            if let (Framing::Chunked, Some(server)) = (current.sent_as, &mut self.server) {
                let _ = write_last_chunk(&Headers::new(), &mut server.side.output);
            }
            return None;
        }
        Some(self.engine.body_end(&mut current.exchange, now(), out))
    }

    /// Does what the engine says of a request.
    async fn follow(&mut self, mut step: Step, out: &mut Output) -> Result<(), ServeError> {
        self.commit(out).await?;
        while let Step::Wait = step {
            let Some(ruling) = self.ask(out).await? else {
                self.closing = Some(EndReason::Client);
                return self.cut().await;
            };
            let Some(current) = &mut self.current else {
                return Ok(());
            };
            step = self.engine.on_ruling(&mut current.exchange, ruling, now(), out);
            self.commit(out).await?;
        }
        match step {
            Step::Wait => {}
            Step::Body => {
                if let Some(current) = &mut self.current
                    && std::mem::take(&mut current.awaits)
                {
                    self.client.output.extend_from_slice(CONTINUE);
                }
            }
            Step::Refuse(reply) => self.reply(reply),
            Step::Forward(forward) => self.forward(forward).await?,
        }
        Ok(())
    }

    /// Asks a person; `None` if the client has gone away meanwhile.
    async fn ask(&mut self, out: &mut Output) -> Result<Option<Ruling>, ServeError> {
        let Some(petition) = out.petition.take() else {
            return Ok(Some(Ruling::Unavailable("nothing was asked".to_owned())));
        };
        let about = self.way.connection.about();
        let mut ruling = holding::ask(&self.proxy.desk, &self.proxy.cancels, *petition, about, None);
        self.keep();
        let client = &mut self.client;
        let gone = poll_fn(|cx| {
            while client.poll_write(cx)? {}
            while !client.ended && client.input.len() < HIGH && client.poll_read(cx)? {}
            if client.ended {
                Poll::Ready(io::Result::Ok(()))
            } else {
                Poll::Pending
            }
        });
        tokio::select! {
            ruling = &mut ruling => Ok(Some(ruling)),
            gone = gone => {
                gone?;
                Ok(None)
            }
        }
    }

    /// Answers in the service's place.
    fn reply(&mut self, reply: Reply) {
        let Some(mut current) = self.current.take() else {
            return;
        };
        let bodiless = current.exchange.is_head();
        // A body that is still to come would be read as the next request.
        current.keep &= current.received;
        let body = if bodiless {
            Bytes::new()
        } else {
            reply.body.clone()
        };
        self.write_head(reply.head, Framing::Length(reply.body.len() as u64), &mut current);
        self.client.output.extend_from_slice(&body);
        if current.keep {
            self.requests.resume();
        } else {
            self.closing.get_or_insert(EndReason::Refused);
        }
    }

    async fn forward(&mut self, mut forward: Box<Forward>) -> Result<(), ServeError> {
        match inject(self.proxy, self.way.connection, &mut forward, self.way.tls).await? {
            Ok(injection) => {
                if let Some(current) = &mut self.current {
                    current.injection = injection;
                }
            }
            Err(why) => return self.not_logged_in(&why).await,
        }
        let Forward {
            mut head,
            framing,
            body,
        } = *forward;
        let framing = match &body {
            Some(body) => Framing::Length(body.len() as u64),
            None => framing,
        };
        head.version = Written::Http11;
        framing.set(&mut head.headers);
        let mut bytes = BytesMut::new();
        if let Err(error) = head.encode(&mut bytes) {
            return self.unanswered(&error.to_string()).await;
        }
        if let Some(body) = &body {
            bytes.extend_from_slice(body);
        }
        let safe = head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS";
        if let Some(current) = &mut self.current {
            current.judged = true;
            current.sent_as = if body.is_some() { Framing::None } else { framing };
            current.asked = Asked::of(&head);
            let alone = body.is_some() || framing == Framing::None;
            current.again = (safe && alone).then(|| bytes.clone().freeze());
        }
        self.send(bytes).await
    }

    pub(super) async fn send(&mut self, bytes: BytesMut) -> Result<(), ServeError> {
        if self
            .server
            .as_ref()
            .is_some_and(|server| server.side.ended || !server.side.input.is_empty())
        {
            self.server = None;
        }
        if self.server.is_none() {
            match self.way.reach().await {
                Ok(stream) => {
                    let mut out = Output::default();
                    out.records
                        .push(self.way.connection.described(None, Some(&stream)));
                    self.commit(&mut out).await?;
                    self.server = Some(Server::new(stream));
                }
                Err(error) => {
                    self.way.connection.warn(&error);
                    return self.unanswered(&error.to_string()).await;
                }
            }
        }
        if let (Some(server), Some(current)) = (&mut self.server, &self.current) {
            server.responses.expect(current.asked);
            server.side.put(bytes);
        }
        Ok(())
    }

    async fn refuse_bytes(&mut self, why: &str, out: &mut Output) -> Result<(), ServeError> {
        self.closing = Some(EndReason::Desynchronised);
        if let Some(current) = &mut self.current {
            // Its body went wrong: the service has a part of it at most.
            self.engine.cut(&mut current.exchange, now(), out);
            self.server = None;
            if current.answered_as.is_some() {
                self.current = None;
                return self.commit(out).await;
            }
        }
        let reply = self.engine.refuse_bytes(why, now(), out);
        self.commit(out).await?;
        self.write_reply(reply);
        self.current = None;
        Ok(())
    }
}
