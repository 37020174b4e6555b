//! Errors: withheld where they could quote masked values, and what the server skips after one.

use interdict_record::Micros;
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{self, Message, tag};

use super::Show;
use crate::output::Output;
use crate::postgres::pending::Pending;
use crate::postgres::{Engine, diagnostics, front_run};

impl Engine {
    pub(super) fn front_is_sensitive(&mut self) -> bool {
        match self.pending.front() {
            Some(Pending::Parse { sensitive, .. } | Pending::Bind { sensitive, .. }) => *sensitive,
            Some(Pending::Aside(_) | Pending::Sync) => self.session.effective.masks_columns(),
            _ => front_run(&mut self.pending).is_some_and(|run| run.sensitive),
        }
    }

    pub(super) fn error(&mut self, fields: backend::Fields<'_>, now: Micros, out: &mut Output) -> Show {
        let code = fields
            .code()
            .map(|code| String::from_utf8_lossy(code).into_owned());
        let shown = if self.front_is_sensitive() && diagnostics::redact(fields, true, &mut out.to_client) {
            Show::Hide
        } else {
            Show::Pass
        };
        match self.pending.front_mut() {
            None | Some(Pending::Sync) => shown,
            Some(Pending::Query { runs, .. }) => {
                if let Some(run) = runs.pop_front() {
                    self.end_run(run, "error", code, now, out);
                }
                shown
            }
            Some(Pending::Call { run }) => {
                run.failed = code;
                shown
            }
            Some(Pending::Abort { error }) => {
                out.to_client.extend_from_slice(error);
                self.skip_to_sync(None, now, out);
                Show::Hide
            }
            Some(_) => {
                self.skip_to_sync(code, now, out);
                shown
            }
        }
    }

    /// After an error in the extended protocol the server skips everything up to the next Sync.
    fn skip_to_sync(&mut self, code: Option<String>, now: Micros, out: &mut Output) {
        let mut code = code;
        while let Some(pending) = self.pending.front() {
            if matches!(pending, Pending::Sync) {
                self.rebuild_names();
                self.described.clear();
                return;
            }
            if let Some(Pending::Execute { run, .. }) = self.pending.pop_front() {
                // The first is what failed; the others never ran.
                match code.take() {
                    Some(code) => self.end_run(*run, "error", Some(code), now, out),
                    None => self.end_run(*run, "skipped", None, now, out),
                }
            }
            code = None;
        }
        self.skipping = true;
        self.rebuild_names();
        self.described.clear();
    }
}

/// The SQLSTATE of a whole ErrorResponse.
pub(in crate::postgres) fn sqlstate(message: &[u8]) -> Option<String> {
    match backend::parse(tag::ERROR_RESPONSE, message.get(Header::SIZE..)?) {
        Ok(Message::ErrorResponse(fields)) => fields
            .code()
            .map(|code| String::from_utf8_lossy(code).into_owned()),
        _ => None,
    }
}
