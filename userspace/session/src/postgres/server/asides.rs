//! What comes of the engine's own questions.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_record::Micros;
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{self, Message, RowDescription, TransactionStatus, tag};

use super::errors::sqlstate;
use crate::catalogue::Mark;
use crate::output::{EndReason, Output};
use crate::postgres::aside::Outcome;
use crate::postgres::pending::Pending;
use crate::postgres::result::Plan;
use crate::postgres::{Engine, diagnostics};
use crate::refusal::{Kind, Refusal};

impl Engine {
    pub(super) fn end_aside(&mut self, now: Micros, out: &mut Output) {
        let Some(Pending::Aside(aside)) = self.pending.pop_front() else {
            return;
        };
        match aside.finish() {
            Outcome::Catalogue { reader, version } => {
                let catalogue = reader.finish(&self.session.shared.analyzer);
                let old = self.sees_old(catalogue.mark());
                self.session.take_catalogue(catalogue, version, old, now);
            }
            Outcome::Mark(mark) => {
                let old = self.sees_old(&mark);
                self.session.take_mark(&mark, old, now);
            }
            Outcome::Plan { key, lines } => self.plan = Some((key, lines.join("\n"))),
            Outcome::Probe {
                key,
                carrying,
                description,
            } => {
                let verdict = match description.as_deref().map(RowDescription::parse) {
                    None => Ok(Arc::new(Plan::nothing())),
                    Some(Err(error)) => return self.desynchronised("server", &error, out),
                    Some(Ok(description)) => self.verdict(description, &carrying),
                };
                self.verdicts.insert(key, verdict);
            }
            Outcome::ServerError {
                message,
                catalogue: true,
            } => {
                let code = sqlstate(&message).unwrap_or_default();
                let refusal = Refusal::new(
                    Kind::Refused,
                    format!(
                        "interdict: the database's catalogue could not be read (SQLSTATE {code}), so columns can't be told apart"
                    ),
                    Some(
                        "look at statement_timeout and the rights on pg_catalog of the database user"
                            .to_owned(),
                    ),
                );
                self.cut(&refusal, EndReason::Refused, out);
            }
            Outcome::ServerError {
                message,
                catalogue: false,
            } => {
                let mut shown = BytesMut::new();
                let body = message.get(Header::SIZE..).unwrap_or_default();
                if let Ok(Message::ErrorResponse(fields)) = backend::parse(tag::ERROR_RESPONSE, body)
                    && diagnostics::redact(fields, true, &mut shown)
                {
                    self.foreseen_error = Some(shown.freeze());
                    return;
                }
                self.foreseen_error = Some(message);
            }
            Outcome::Failure(failure) => self.desynchronised("server", &failure, out),
        }
    }
    /// Whether what was read of the schema may be older than what the server follows.
    fn sees_old(&self, mark: &Mark) -> bool {
        mark.may_be_old && (self.status != TransactionStatus::Idle || self.unsynced)
    }
}
