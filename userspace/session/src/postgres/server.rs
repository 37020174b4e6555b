//! What the server sends: whose answer it is, and what of it the client may see.

mod asides;
mod authentication;
mod completion;
mod copy;
mod descriptions;
mod errors;
mod notifications;
mod rows;

use bytes::BytesMut;
use interdict_record::Micros;
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{self, Message, tag};

use super::aside::Progress;
use super::opinion::is_row;
use super::pending::Pending;
use super::{Engine, Phase, diagnostics};
use crate::output::Output;
pub(super) use errors::sqlstate;

/// What is done with a message from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    /// It passes as it is.
    Pass,
    /// It is not shown, or something else was put in its place.
    Hide,
}

impl Engine {
    /// Takes one message from the server; false if there is none.
    pub(super) fn server_step(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) -> bool {
        if self.passing > 0 {
            let bytes = input.split_to(input.len().min(self.passing));
            self.passing -= bytes.len();
            out.to_client.extend_from_slice(&bytes);
            return !bytes.is_empty();
        }
        let header = match Header::peek(input) {
            Ok(Some(header)) => header,
            Ok(None) => return false,
            Err(error) => {
                self.desynchronised("server", &error, out);
                return false;
            }
        };
        if self.waits_for_opinion(header.tag, out, now) {
            return false;
        }
        // The hot path: nothing but rows, many at a time.
        if header.tag == tag::DATA_ROW && self.rows(input, now, out) {
            return true;
        }
        if input.len() < header.total() {
            if header.total() <= self.session.context.limits.message {
                return false;
            }
            return self.oversize_result(&header, now, out);
        }
        let message = input.split_to(header.total());
        let before = out.to_client.len();
        let muted = self.muted;
        if self.server_message(header.tag, &message, now, out) == Show::Pass {
            out.to_client.extend_from_slice(&message);
        }
        if muted && self.muted {
            out.to_client.truncate(before);
        } else if is_row(header.tag) && !self.ended && !self.session.awaits_person_over_result() {
            self.hold_back(before, now, out);
        }
        if !self.ended {
            self.give_refusals(out);
        }
        true
    }

    fn server_message(&mut self, tag: u8, message: &BytesMut, now: Micros, out: &mut Output) -> Show {
        let body = message.get(Header::SIZE..).unwrap_or_default();
        if self.phase == Phase::Replication {
            return Show::Pass;
        }
        let parsed = match backend::parse(tag, body) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.desynchronised("server", &error, out);
                return Show::Hide;
            }
        };
        match &parsed {
            Message::ParameterStatus { name, value } => {
                if *name == b"standard_conforming_strings" {
                    self.settings.standard_conforming_strings = *value == b"on";
                }
                return Show::Pass;
            }
            Message::NotificationResponse {
                process_id,
                channel,
                payload,
            } => return self.notification(*process_id, channel, payload, out),
            Message::NoticeResponse(fields) => {
                let redacted =
                    self.front_is_sensitive() && diagnostics::redact(*fields, false, &mut out.to_client);
                return if redacted { Show::Hide } else { Show::Pass };
            }
            _ => {}
        }
        if self.phase == Phase::Authentication {
            return self.authentication(&parsed, message, out);
        }
        if let Some(Pending::Aside(aside)) = self.pending.front_mut() {
            if let Message::ReadyForQuery(status) = &parsed {
                self.status = *status;
            }
            if let Progress::Done = aside.take(&parsed, message) {
                self.end_aside(now, out);
            }
            return Show::Hide;
        }
        match parsed {
            Message::DataRow(row) => self.row(message, row, now, out),
            Message::RowDescription(description) => self.row_description(description, now, out),
            Message::NoData | Message::ParameterDescription(_) => self.described(&parsed),
            Message::CommandComplete(command) => self.complete(command, now, out),
            Message::EmptyQueryResponse | Message::PortalSuspended => self.complete(b"", now, out),
            Message::ParseComplete | Message::BindComplete | Message::CloseComplete => {
                self.confirm(&parsed, out)
            }
            Message::ErrorResponse(fields) => self.error(fields, now, out),
            Message::ReadyForQuery(status) => self.ready(status, now, out),
            Message::CopyOutResponse(format) => self.copy_out(format, now, out),
            Message::CopyData(data) => self.copy_row(data, now, out),
            Message::CopyInResponse(_) => {
                // In the extended protocol the server ignores Sync while it takes data: those already sent are not
                // answered.
                if matches!(self.pending.front(), Some(Pending::Execute { .. })) {
                    self.pending.truncate(1);
                }
                Show::Pass
            }
            Message::CopyDone => self.copy_done(out),
            Message::CopyBothResponse(_) => Show::Pass,
            Message::FunctionCallResponse(_)
                if matches!(self.pending.front(), Some(Pending::Call { .. })) =>
            {
                Show::Pass
            }
            _ => {
                self.desynchronised(
                    "server",
                    &format_args!("{} where it was not expected", parsed.name()),
                    out,
                );
                Show::Hide
            }
        }
    }
}
