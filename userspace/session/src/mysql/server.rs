//! What the server sends: whose answer it is, and what of it the client may see.

mod answers;
mod asides;
mod rows;

use bytes::BytesMut;
use interdict_record::Micros;
use interdict_wire::WireError;
use interdict_wire::mysql::opening::{Authentication, CACHING_SHA2_FULL};
use interdict_wire::mysql::response::{Answer, ErrPacket, Responses};
use interdict_wire::mysql::{Message, Sequence, write_payload};

use super::{Engine, Exchange, Phase};
use crate::output::{Action, EndReason, Output};
use crate::refusal::{Kind, Refusal};

impl Engine {
    /// Takes one message from the server; false if there is none.
    pub(super) fn server_step(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) -> bool {
        if input.is_empty() {
            return false;
        }
        if self.phase == Phase::Stream {
            out.to_client.extend_from_slice(&input.split());
            return false;
        }
        if self.phase == Phase::Commands && matches!(self.exchange, Some(Exchange::Command(_))) {
            if self.passing {
                return self.pass_piece(input, out);
            }
            if self.rows(input, now, out) {
                return true;
            }
            if self.waits_for_opinion(input, now, out) {
                return false;
            }
        }
        if !self.from_server.is_inside() {
            self.from_server.expect(self.server_sequence);
        }
        let message = match self.from_server.message(input) {
            Ok(Some(message)) => message,
            Ok(None) => return false,
            Err(WireError::Limit { bytes, limit, .. }) => return self.oversize(bytes, limit, out),
            Err(error) => {
                self.desynchronised("server", &error, out);
                return false;
            }
        };
        self.server_sequence = self.from_server.sequence();
        match (&mut self.exchange, self.phase) {
            (_, Phase::Authentication) | (Some(Exchange::ChangeUser), _) => {
                self.authentication(&message, out);
            }
            (Some(Exchange::Aside(_)), _) => self.aside(&message, now, out),
            (Some(Exchange::Command(_)), _) => self.answer(&message, now, out),
            (None, _) => self.unasked(&message, out),
        }
        !self.ended
    }

    /// A step of authentication: passed on as it is.
    fn authentication(&mut self, message: &Message, out: &mut Output) {
        let mut responses = Responses::new(self.capabilities, Answer::Authentication);
        let step = match responses.read(&message.payload) {
            Ok(interdict_wire::mysql::response::Event::Authentication(step)) => step,
            Ok(_) => return self.desynchronised("server", &"another answer to a login", out),
            Err(error) => return self.desynchronised("server", &error, out),
        };
        if matches!(step, Authentication::MoreData(CACHING_SHA2_FULL)) && self.session.context.tls_differs {
            // The client would send its password in the form of its own side: in clear, or under a key that it asks for.
            let refusal = Refusal::new(
                Kind::Protocol,
                "interdict: this login needs TLS on both sides of the proxy, or on neither",
                Some(
                    "the operator gives the service a certificate (tls) or changes upstream.tls; a login over the other side fills the \
                     server's cache and helps until it restarts"
                        .to_owned(),
                ),
            );
            return self.cut(&refusal, EndReason::Refused, out);
        }
        let over = matches!(step, Authentication::Ok(_));
        let failed = matches!(step, Authentication::Err(_));
        if let Err(error) = write_payload(&message.payload, &mut self.client_sequence, &mut out.to_client) {
            return self.desynchronised("server", &error, out);
        }
        if over {
            self.in_session();
        } else if failed && self.exchange.is_none() {
            out.action = Some(Action::Close(EndReason::Server));
        } else if failed {
            // The session is over on the server's side: it closes.
            self.exchange = None;
        }
    }

    /// A login was made: commands follow.
    pub(super) fn in_session(&mut self) {
        self.phase = Phase::Commands;
        self.exchange = None;
        self.renew();
        self.client_sequence = Sequence::START;
        self.server_sequence = Sequence::START;
    }

    /// The session is as new.
    fn renew(&mut self) {
        self.statements.clear();
        self.session.forget_spoken();
        self.settled = false;
        self.in_transaction = false;
    }

    /// Something that no command asked for: the server says why it closes.
    fn unasked(&mut self, message: &Message, out: &mut Output) {
        if ErrPacket::parse(&message.payload).is_err() {
            return self.desynchronised("server", &"an answer to nothing", out);
        }
        self.client_sequence = Sequence::START;
        if let Err(error) = write_payload(&message.payload, &mut self.client_sequence, &mut out.to_client) {
            self.desynchronised("server", &error, out);
        }
    }

    fn oversize(&mut self, bytes: usize, limit: usize, out: &mut Output) -> bool {
        let refusal = Refusal::new(
            Kind::Limit,
            format!(
                "interdict: the result has a row of {bytes} bytes, longer than the {limit} that can be masked"
            ),
            Some(
                "select less of it, for example with substr; an operator can raise limits.message of the service"
                    .to_owned(),
            ),
        );
        self.cut(&refusal, EndReason::Limit, out);
        false
    }
}
