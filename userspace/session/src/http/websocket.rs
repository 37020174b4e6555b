//! A WebSocket after its handshake: messages, each judged and recorded or masked as a whole.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_masking::body::BodyPlan;
use interdict_masking::body::coding::Codings;
use interdict_policy::{HttpRequest, Request};
use interdict_record::Micros;
use interdict_sql::{Effect, Effects};
use interdict_wire::http::websocket::{FrameError, FramePart, FrameReader, Opcode, Sender, write_frame};
use interdict_wire::http::{Framing, ResponseHead};
use uuid::Uuid;

use super::body::{Label, Reading};
use super::exchange::Exchange;
use super::watcher::{Subjects, Watcher};
use super::{Engine, Flow, headers};
use crate::output::{Action, EndReason, Output};
use crate::session::{Asked, Ended, MASKING, Tally};

/// A message may have so many bytes: it is held whole to be judged or masked.
const MESSAGE: usize = 1 << 20;
/// Codes of Close frames (RFC 6455, section 7.4.1).
const POLICY: u16 = 1008;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The client.
    FromClient,
    /// The service.
    FromServer,
}

/// A WebSocket.
#[derive(Debug)]
pub struct Socket {
    statements: Vec<Uuid>,
    http: HttpRequest,
    plan: Arc<BodyPlan>,
    subjects: Option<Arc<Subjects>>,
    client: Side,
    server: Side,
    bytes: u64,
    tally: Tally,
}

/// What one side is sending.
#[derive(Debug)]
struct Side {
    reader: FrameReader,
    /// The frame's own payload, of a control frame, and the message's.
    control: BytesMut,
    message: BytesMut,
    frame: Option<(Opcode, Opcode, bool, Option<[u8; 4]>)>,
}

/// What became of a change of protocol.
#[derive(Debug)]
pub enum SocketFlow {
    /// It is one: this head goes to the client, and then what either side sends to [`Engine::socket`].
    Begun(ResponseHead, Box<Socket>),
    /// It is not allowed; the connection ends after this.
    Refused(Flow),
}

impl Engine {
    /// The service has changed to another protocol.
    pub fn upgraded(
        &mut self,
        exchange: &mut Exchange,
        mut head: ResponseHead,
        now: Micros,
        out: &mut Output,
    ) -> SocketFlow {
        let extended = head.headers.contains("Sec-WebSocket-Extensions");
        if !exchange.websocket || !head.headers.has_token("Upgrade", "websocket") || extended {
            let why = "the service changed to a protocol that was not asked for";
            return SocketFlow::Refused(self.unanswered(exchange, why, now, out));
        }
        let found = headers::scrub(&mut head, self.core.effective.detection());
        Framing::None.set(&mut head.headers);
        let socket = Socket {
            client: Side::new(Sender::Client),
            server: Side::new(Sender::Server),
            statements: std::mem::take(&mut exchange.statements),
            http: exchange.http().clone(),
            plan: Arc::clone(&exchange.plan),
            subjects: exchange.subjects.clone(),
            bytes: 0,
            tally: Tally {
                first_byte_at: Some(now),
                masked_cells: found,
                ..Tally::default()
            },
        };
        SocketFlow::Begun(head, Box::new(socket))
    }

    /// Takes what one side sent; what may go to the other is in `out`.
    pub fn socket(
        &mut self,
        socket: &mut Socket,
        from: Direction,
        input: &mut BytesMut,
        now: Micros,
        out: &mut Output,
    ) {
        loop {
            let side = match from {
                Direction::FromClient => &mut socket.client,
                Direction::FromServer => &mut socket.server,
            };
            let message = match side.next(input) {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(error) => return close(error.code(), &error.to_string(), EndReason::Desynchronised, out),
            };
            match from {
                Direction::FromClient => self.take_from_client(socket, &message, now, out),
                Direction::FromServer => self.take_from_server(socket, &message, out),
            }
            if out.action.is_some() {
                return;
            }
            // What was asked must be on record before anything else is done with it.
            if !out.records.is_empty() {
                return;
            }
        }
    }

    /// The connection is over.
    pub fn socket_over(&mut self, socket: Socket, now: Micros, out: &mut Output) {
        let Socket {
            statements,
            tally,
            bytes,
            ..
        } = socket;
        let mut tally = Tally { bytes, ..tally };
        for statement_id in statements {
            let ended = Ended {
                statement_id,
                status: "ok",
                sqlstate: Some("101".to_owned()),
                tally: std::mem::take(&mut tally),
                columns: Arc::default(),
                stopped: None,
            };
            self.core.record_end(ended, now, out);
        }
    }

    fn take_from_client(&mut self, socket: &Socket, message: &Message, now: Micros, out: &mut Output) {
        if message.opcode.is_control() {
            return message.write(message.mask, &message.payload, &mut out.to_server);
        }
        let text = String::from_utf8_lossy(&message.payload);
        let kind = if message.opcode == Opcode::Text {
            "websocket_text"
        } else {
            "websocket_binary"
        };
        let mut judgement = self.decide(Request {
            kind,
            effects: Effects::of(&[Effect::Call]),
            http: Some(&socket.http),
            ..self.asked(&text)
        });
        judgement.refuse_instead_of_holding();
        let asked = Asked {
            kind,
            text: &text,
            effects: Effects::of(&[Effect::Call]),
            complete: true,
            ..Asked::default()
        };
        if let Some(refusal) = &judgement.refusal {
            self.core.record_refused(&asked, &judgement, now, out);
            return close(POLICY, &refusal.message, EndReason::Refused, out);
        }
        self.core.record_over(&asked, &judgement, now, out);
        message.write(message.mask, &message.payload, &mut out.to_server);
    }

    fn take_from_server(&mut self, socket: &mut Socket, message: &Message, out: &mut Output) {
        let mut shown = BytesMut::new();
        if message.opcode.is_control() {
            let detection = self.core.effective.detection();
            let hit =
                detection.is_some_and(|detection| detection.redact(&message.payload, &mut shown, |_| {}));
            // A control frame holds 125 bytes; what does not fit says less.
            let payload = match hit {
                true if shown.len() > 125 => &[],
                true => &shown[..],
                false => &message.payload[..],
            };
            return message.write(None, payload, &mut out.to_client);
        }
        let plan = &socket.plan;
        let payload = if plan.is_empty() {
            &message.payload[..]
        } else {
            let read = Reading::new(&label(message.opcode), Arc::clone(plan)).and_then(|mut reading| {
                reading.push(&message.payload, &mut shown)?;
                reading.finish(&mut shown)?;
                Ok(reading)
            });
            match read {
                Ok(reading) => {
                    for (name, count) in reading.tally.masked.iter().chain(&reading.tally.detected) {
                        socket.tally.masked_cells += count;
                        *socket.tally.masked_by.entry(name.to_string()).or_default() += count;
                    }
                }
                Err(why) => {
                    let why = format!("interdict: a message is not shown: {why} (rule {MASKING})");
                    return close(POLICY, &why, EndReason::Refused, out);
                }
            }
            &shown[..]
        };
        if let Some(subjects) = &socket.subjects {
            let mut watcher = Watcher::new(subjects, Ok(label(message.opcode)));
            watcher.push(&message.payload);
            socket.tally.subjects.add_all(watcher.finish());
        }
        socket.tally.rows += 1;
        socket.bytes += payload.len() as u64;
        message.write(None, payload, &mut out.to_client);
    }
}

/// What a message's kind says of what is in it.
fn label(opcode: Opcode) -> Label<'static> {
    Label {
        media_type: (opcode == Opcode::Text).then_some(b"text/plain"),
        codings: Codings::new(),
        lines: false,
        part: false,
        flows: false,
    }
}

/// A message that is complete, or a control frame.
struct Message {
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    payload: Bytes,
}

impl Message {
    fn write(&self, mask: Option<[u8; 4]>, payload: &[u8], out: &mut BytesMut) {
        write_frame(true, self.opcode, mask, payload, out);
    }
}

impl Side {
    fn new(sender: Sender) -> Self {
        Self {
            reader: FrameReader::new(sender, MESSAGE as u64),
            control: BytesMut::new(),
            message: BytesMut::new(),
            frame: None,
        }
    }

    fn next(&mut self, input: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        while let Some(part) = self.reader.next(input)? {
            match part {
                FramePart::Header { header, message } => {
                    self.frame = Some((header.opcode, message, header.fin, header.mask));
                }
                FramePart::Payload(payload) => match self.frame {
                    Some((opcode, ..)) if opcode.is_control() => self.control.extend_from_slice(&payload),
                    _ if self.message.len() + payload.len() > MESSAGE => {
                        return Err(FrameError::Limit {
                            limit: MESSAGE as u64,
                        });
                    }
                    _ => self.message.extend_from_slice(&payload),
                },
                FramePart::End => {
                    let Some((opcode, message, fin, mask)) = self.frame.take() else {
                        continue;
                    };
                    let (opcode, payload) = if opcode.is_control() {
                        (opcode, self.control.split())
                    } else if fin {
                        (message, self.message.split())
                    } else {
                        continue;
                    };
                    return Ok(Some(Message {
                        opcode,
                        mask,
                        payload: payload.freeze(),
                    }));
                }
            }
        }
        Ok(None)
    }
}

/// Tells the client why, and ends it.
fn close(code: u16, why: &str, reason: EndReason, out: &mut Output) {
    let mut payload = BytesMut::from(&code.to_be_bytes()[..]);
    let mut end = why.len().min(120);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    payload.extend_from_slice(why.get(..end).unwrap_or_default().as_bytes());
    write_frame(true, Opcode::Close, None, &payload, &mut out.to_client);
    out.action = Some(Action::Close(reason));
}
