//! What goes out on streams: answers to the client, bodies to either side.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use interdict_session::Output;
use interdict_session::http::hide_credentials;
use interdict_session::http::{Flow, Reply};
use interdict_wire::http::{Framing, ResponseHead};

use super::{Broken, fields};
use crate::now;
use crate::tape::Tape;

/// The client's stream, as far as it has been told.
pub(super) struct Shown<'a> {
    respond: &'a mut SendResponse<Bytes>,
    body: Option<SendStream<Bytes>>,
    bodiless: bool,
    tape: Tape,
}

impl<'a> Shown<'a> {
    pub(super) fn new(respond: &'a mut SendResponse<Bytes>, bodiless: bool, tape: Tape) -> Self {
        Self {
            respond,
            body: None,
            bodiless,
            tape,
        }
    }

    /// Puts what is about to be shown with the records, in the form that HTTP/1 has it.
    pub(super) fn keep(&mut self, flow: Option<&Flow>, out: &mut Output) {
        self.tape.note(&out.records);
        let mut bytes = BytesMut::new();
        if let Some((head, _)) = flow.and_then(|flow| flow.head.as_ref()) {
            self.tape.hides = written(head, &mut bytes);
        }
        if let Some(flow) = flow.filter(|_| !self.bodiless) {
            bytes.extend_from_slice(&flow.data);
        }
        self.tape.bytes(Vec::from(bytes), now(), &mut out.records);
        self.tape.hides = false;
        if flow.is_none_or(|flow| flow.end.is_some() || flow.cut) {
            self.tape.tell_missing(&mut out.records);
        }
    }

    /// Resolves when the client has reset the stream.
    pub(super) async fn given_up(&mut self) {
        let _ = poll_fn(|cx| match &mut self.body {
            Some(body) => body.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        })
        .await;
    }

    /// True if that was the last of it.
    pub(super) async fn show(&mut self, flow: Flow) -> Result<bool, Broken> {
        let Flow {
            head, data, end, cut, ..
        } = flow;
        let trailers = end.as_ref().filter(|trailers| !trailers.is_empty());
        if let Some((head, framing)) = head {
            let only_head = self.bodiless || (end.is_some() && data.is_empty() && trailers.is_none());
            let response = fields::to_response(head, framing, self.bodiless).map_err(|_| Broken::Client)?;
            self.body = Some(self.respond.send_response(response, only_head)?);
            if only_head {
                return Ok(end.is_some());
            }
        }
        let Some(body) = &mut self.body else {
            return Ok(end.is_some() || cut);
        };
        if cut {
            body.send_reset(Reason::INTERNAL_ERROR);
            return Ok(true);
        }
        if self.bodiless {
            return Ok(end.is_some());
        }
        let last = end.is_some() && trailers.is_none();
        if !data.is_empty() || last {
            send(body, data.freeze(), last).await?;
        }
        if let Some(trailers) = trailers {
            let trailers = fields::to_headers(trailers).map_err(|_| Broken::Client)?;
            body.send_trailers(trailers)?;
        }
        Ok(end.is_some())
    }
}

/// An answer of the proxy's own, for the record.
pub(super) fn keep_reply(tape: &mut Tape, reply: &Reply, out: &mut Output) {
    tape.note(&out.records);
    let mut bytes = BytesMut::new();
    written(&reply.head, &mut bytes);
    bytes.extend_from_slice(&reply.body);
    tape.bytes(Vec::from(bytes), now(), &mut out.records);
}

/// A head as text, marked as what it was. True if it has credentials, which are not shown.
fn written(head: &ResponseHead, bytes: &mut BytesMut) -> bool {
    let start = bytes.len();
    if head.encode(bytes).is_ok()
        && let Some(version) = bytes.get_mut(start..).and_then(|head| head.get_mut(5..8))
    {
        version.copy_from_slice(b"2.0");
    }
    bytes.get_mut(start..).is_some_and(hide_credentials)
}

/// Answers in the service's place.
pub(super) fn reply(respond: &mut SendResponse<Bytes>, reply: Reply) -> Result<(), Broken> {
    let framing = Framing::Length(reply.body.len() as u64);
    let response = fields::to_response(reply.head, framing, false).map_err(|_| Broken::Client)?;
    let mut body = respond.send_response(response, false)?;
    // Answers of the proxy's own are small; what the client's window does not hold yet waits in the library.
    body.send_data(reply.body, true)?;
    Ok(())
}

/// Sends a body on as it comes.
pub(super) async fn send_on(mut from: RecvStream, mut to: SendStream<Bytes>) -> Result<(), Broken> {
    while let Some(data) = from.data().await {
        let data = data?;
        let size = data.len();
        if send(&mut to, data, false).await.is_err() {
            // The service wants no more.
            return Ok(());
        }
        let _ = from.flow_control().release_capacity(size);
    }
    let trailers = from.trailers().await?;
    let _ = match trailers {
        Some(trailers) => to.send_trailers(trailers),
        None => to.send_data(Bytes::new(), true),
    };
    Ok(())
}

/// Sends bytes as the receiver takes them.
pub(super) async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes, last: bool) -> Result<(), Broken> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await;
        let Some(Ok(room)) = room else {
            return Err(Broken::Client);
        };
        let piece = data.split_to(room.min(data.len()));
        let end = last && data.is_empty();
        stream.send_data(piece, end)?;
        if end {
            return Ok(());
        }
    }
    if last {
        stream.send_data(Bytes::new(), true)?;
    }
    Ok(())
}
