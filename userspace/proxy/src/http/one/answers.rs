//! What the service answers, and what of it is shown.

use bytes::BytesMut;
use interdict_session::http::{Flow, Reply};
use interdict_session::{EndReason, NotLoggedIn, Output};
use interdict_wire::http::{
    Framing, HttpError, ResponseHead, ResponsePart, Version as Written, write_chunk, write_last_chunk,
};

use super::{Current, HIGH, One, put_head};
use crate::connection::ServeError;
use crate::credentials::http::Injection;
use crate::now;

impl One<'_> {
    /// Takes one part of what the service sent; false if there is none.
    pub(super) async fn take_response(&mut self) -> Result<bool, ServeError> {
        let Some(server) = &mut self.server else {
            return Ok(false);
        };
        if !self.current.as_ref().is_some_and(|current| current.judged) || self.client.output.len() >= HIGH {
            return Ok(false);
        }
        let part = match server.responses.next(&mut server.side.input) {
            Ok(None) if server.side.ended => match server.responses.end_of_input(&server.side.input) {
                // What ends with its connection is whole only where that was closed.
                Ok(Some(ResponsePart::End)) if server.side.reset => Err(HttpError::Truncated),
                other => other,
            },
            other => other,
        };
        match part {
            Ok(Some(part)) => self.respond(part).await?,
            Ok(None) => return Ok(false),
            Err(error) => self.fail(error).await?,
        }
        Ok(true)
    }

    /// The service closed, or answered what can't be read.
    pub(super) async fn fail(&mut self, error: HttpError) -> Result<(), ServeError> {
        let used = self.server.take().is_some_and(|server| server.used);
        let again = self.current.as_mut().and_then(|current| current.again.take());
        match again.filter(|_| used && error == HttpError::NoResponse) {
            Some(bytes) => self.send(BytesMut::from(&bytes[..])).await,
            None => {
                self.unanswered(&format!("the service's answer can't be passed on: {error}"))
                    .await
            }
        }
    }

    pub(super) async fn unanswered(&mut self, why: &str) -> Result<(), ServeError> {
        let mut out = Output::default();
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let flow = self
            .engine
            .unanswered(&mut current.exchange, why, now(), &mut out);
        self.commit(&mut out).await?;
        self.show(flow);
        Ok(())
    }

    /// The service's credentials can't be put in the request.
    pub(super) async fn not_logged_in(&mut self, why: &NotLoggedIn<'_>) -> Result<(), ServeError> {
        let mut out = Output::default();
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let flow = self
            .engine
            .not_logged_in(&mut current.exchange, why, now(), &mut out);
        // A body that is still to come would be read as the next request.
        current.keep &= current.received;
        self.commit(&mut out).await?;
        self.show(flow);
        Ok(())
    }

    pub(super) async fn respond(&mut self, part: ResponsePart) -> Result<(), ServeError> {
        let mut out = Output::default();
        let (Some(current), Some(server)) = (&mut self.current, &mut self.server) else {
            return Ok(());
        };
        let exchange = &mut current.exchange;
        let flow = match part {
            ResponsePart::Interim(mut head) => {
                if let Some(injection) = &mut current.injection {
                    injection.answered(head.status, &mut head.headers);
                }
                let head = self.engine.interim(head);
                if current.written == Written::Http11 {
                    let _ = put_head(&head, &mut self.client, &mut self.heads);
                }
                return Ok(());
            }
            ResponsePart::Head(mut head, framing) => {
                current.again = None;
                if let Some(injection) = &mut current.injection {
                    injection.answered(head.status, &mut head.headers);
                }
                server.used = head.keeps_alive() && framing != Framing::UntilClose;
                self.engine.answer(exchange, head, framing, now(), &mut out)
            }
            ResponsePart::Data(data) => {
                let data = match &mut current.injection {
                    Some(injection) => injection.body(data),
                    None => data,
                };
                self.engine.data(exchange, &data, now(), &mut out)
            }
            ResponsePart::Trailers(mut trailers) => {
                if let Some(injection) = &mut current.injection {
                    injection.trailers(&mut trailers);
                }
                // The end that follows has none of its own.
                current.trailers = trailers;
                return Ok(());
            }
            ResponsePart::End => {
                let held = current.injection.as_mut().map(Injection::end).unwrap_or_default();
                if !held.is_empty() {
                    let flow = self.engine.data(exchange, &held, now(), &mut out);
                    self.commit(&mut out).await?;
                    self.show(flow);
                }
                let (Some(current), Some(server)) = (&mut self.current, &mut self.server) else {
                    return Ok(());
                };
                let trailers = std::mem::take(&mut current.trailers);
                let flow = self.engine.end(&mut current.exchange, trailers, now(), &mut out);
                if !server.used {
                    self.server = None;
                }
                flow
            }
            ResponsePart::Upgraded(head) => return self.upgrade(head).await,
        };
        self.commit(&mut out).await?;
        self.show(flow);
        Ok(())
    }

    /// Puts what the engine lets through on its way to the client.
    pub(super) fn show(&mut self, flow: Flow) {
        let Some(mut current) = self.current.take() else {
            return;
        };
        if flow.abandon {
            self.server = None;
        }
        if let Some((head, framing)) = flow.head {
            self.write_head(head, framing, &mut current);
        }
        if !flow.data.is_empty() && !current.exchange.is_head() {
            match current.answered_as {
                Some(Framing::Chunked) => write_chunk(&flow.data, &mut self.client.output),
                _ => self.client.put(flow.data),
            }
        }
        if flow.cut {
            self.closing = Some(EndReason::Refused);
            return;
        }
        let Some(trailers) = flow.end else {
            self.current = Some(current);
            return;
        };
        if current.answered_as == Some(Framing::Chunked) {
            let _ = write_last_chunk(&trailers, &mut self.client.output);
        }
        let keep = current.keep && current.answered_as != Some(Framing::UntilClose) && current.received;
        if keep {
            self.requests.resume();
        } else {
            self.closing.get_or_insert(EndReason::Client);
        }
    }

    pub(super) fn write_head(&mut self, mut head: ResponseHead, framing: Framing, current: &mut Current) {
        let bodiless =
            current.exchange.is_head() || matches!(head.status, 204 | 304) || framing == Framing::None;
        let framing = match framing {
            Framing::Chunked | Framing::UntilClose if current.written == Written::Http10 => {
                Framing::UntilClose
            }
            Framing::UntilClose => Framing::Chunked,
            other => other,
        };
        if !bodiless {
            framing.set(&mut head.headers);
        }
        current.answered_as = Some(if bodiless { Framing::None } else { framing });
        if framing == Framing::UntilClose && !bodiless {
            current.keep = false;
        }
        head.version = Written::Http11;
        if !current.keep {
            let _ = head.headers.set("Connection", "close");
        } else if current.written == Written::Http10 {
            let _ = head.headers.set("Connection", "keep-alive");
        }
        if !put_head(&head, &mut self.client, &mut self.heads) {
            self.closing = Some(EndReason::Error);
        }
    }

    pub(super) fn write_reply(&mut self, reply: Reply) {
        let Reply { mut head, body } = reply;
        Framing::Length(body.len() as u64).set(&mut head.headers);
        let _ = head.headers.set("Connection", "close");
        if put_head(&head, &mut self.client, &mut self.heads) {
            self.client.output.extend_from_slice(&body);
        }
    }
}
