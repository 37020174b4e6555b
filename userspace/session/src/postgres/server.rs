//! What the server sends: whose answer it is, and what of it the client may see.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_policy::Verdict;
use interdict_record::Micros;
use interdict_wire::postgres::backend::TransactionStatus;
use interdict_wire::postgres::backend::{
    self, Authentication, DataRow, Message, RowDescription, affected_rows, tag,
};
use interdict_wire::postgres::{Format, Header, write_message};

use super::aside::{Outcome, Progress};
use super::names::Change;
use super::pending::{CopyOut, Pending};
use super::refusal::{LIMIT, REFUSED, Refusal};
use super::result::{Plan, PlanInput};
use super::{Engine, Phase, Sighted, diagnostics};
use crate::catalogue::MaskMap;
use crate::output::{EndReason, Output};

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
        if input.len() < header.total() {
            if header.total() <= self.context.limits.message {
                return false;
            }
            return self.oversize_result(&header, now, out);
        }
        // Rows that nothing is done to are the hot path: they are not even parsed.
        if header.tag == tag::DATA_ROW && self.pass_row(&header, now) {
            out.to_client.extend_from_slice(&input.split_to(header.total()));
            return true;
        }
        let message = input.split_to(header.total());
        let before = out.to_client.len();
        let muted = self.muted;
        if self.server_message(header.tag, &message, now, out) == Show::Pass {
            out.to_client.extend_from_slice(&message);
        }
        if muted && self.muted {
            out.to_client.truncate(before);
        }
        if !self.ended {
            self.give_refusals(out);
        }
        true
    }

    /// Counts a row that passes as it is; false if it has to be looked at.
    fn pass_row(&mut self, header: &Header, now: Micros) -> bool {
        if self.muted || self.phase == Phase::Replication {
            return false;
        }
        let Some(run) = super::front_run(&mut self.pending) else {
            return false;
        };
        let untouched = match &run.plan {
            Some(plan) => plan.untouched(),
            None => !run.planned,
        };
        if !untouched || run.watch.is_some() {
            return false;
        }
        run.tally.first_byte_at.get_or_insert(now);
        run.tally.rows += 1;
        run.tally.bytes += header.total() as u64;
        true
    }

    /// A message longer than is held: a row that nothing is done to streams, anything else ends the session.
    fn oversize_result(&mut self, header: &Header, now: Micros, out: &mut Output) -> bool {
        let copy_passes = header.tag == tag::COPY_DATA && !self.muted && {
            let run = super::front_run(&mut self.pending);
            run.is_none_or(|run| !run.planned)
        };
        if copy_passes || (header.tag == tag::DATA_ROW && self.pass_row(header, now)) {
            self.passing = header.total();
            return true;
        }
        let limit = self.context.limits.message;
        let refusal = Refusal::new(
            LIMIT,
            format!("interdict: the result has a row of {} bytes, longer than the {limit} that can be masked", header.total()),
            Some("select less of it, for example with substr; an operator can raise limits.message of the service".to_owned()),
        );
        self.cut(&refusal, EndReason::Limit, out);
        false
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
            Message::NotificationResponse { .. } => return Show::Pass,
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
                self.end_aside(out);
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
            Message::CopyOutResponse(format) => self.copy_out(format.format, now, out),
            Message::CopyData(data) => self.copy_row(data, now, out),
            Message::CopyInResponse(_) => {
                // In the extended protocol the server ignores Sync while it takes data: those already sent are not
                // answered.
                if matches!(self.pending.front(), Some(Pending::Execute { .. })) {
                    self.pending.truncate(1);
                }
                Show::Pass
            }
            Message::CopyDone | Message::CopyBothResponse(_) => Show::Pass,
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

    fn authentication(&mut self, message: &Message<'_>, whole: &[u8], out: &mut Output) -> Show {
        match message {
            Message::Authentication(Authentication::Sasl(mechanisms)) if !self.context.channel_binding => {
                // A channel binding proves which certificate the client saw; the proxy's is not the server's, so the
                // mechanism that needs it is not offered.
                let kept = mechanisms.iter().filter(|name| !name.ends_with(b"-PLUS"));
                return match backend::write_sasl_mechanisms(&mut out.to_client, kept) {
                    Ok(()) => Show::Hide,
                    Err(error) => {
                        self.desynchronised("server", &error, out);
                        Show::Hide
                    }
                };
            }
            Message::ReadyForQuery(status) => {
                self.status = *status;
                self.phase = if self.startup.replication {
                    Phase::Replication
                } else {
                    Phase::Ready
                };
            }
            Message::BackendKeyData { .. } => self.backend_key = Some(Bytes::copy_from_slice(whole)),
            Message::Authentication(_) | Message::ErrorResponse(_) | Message::NegotiateProtocolVersion(_) => {
            }
            other => {
                self.desynchronised(
                    "server",
                    &format_args!("{} before the session was ready", other.name()),
                    out,
                );
                return Show::Hide;
            }
        }
        Show::Pass
    }

    fn front_is_sensitive(&mut self) -> bool {
        match self.pending.front() {
            Some(Pending::Parse { sensitive, .. } | Pending::Bind { sensitive, .. }) => *sensitive,
            Some(Pending::Aside(_) | Pending::Sync) => self.effective.masks_columns(),
            _ => super::front_run(&mut self.pending).is_some_and(|run| run.sensitive),
        }
    }

    fn end_aside(&mut self, out: &mut Output) {
        let Some(Pending::Aside(aside)) = self.pending.pop_front() else {
            return;
        };
        match aside.finish() {
            Outcome::Catalogue { reader, version } => {
                let catalogue = Arc::new(reader.finish());
                if self.ddl_in_transaction {
                    let map = MaskMap::new(&catalogue, &self.effective, &self.key.database);
                    self.map = Some(Sighted {
                        version,
                        effective: self.effective.clone(),
                        map: Arc::new(map),
                    });
                } else {
                    self.shared.catalogues.publish(&self.key, version, catalogue);
                    self.map = None;
                }
            }
            Outcome::Probe { key, description } => {
                let verdict = match description.as_deref().map(RowDescription::parse) {
                    None => Ok(()),
                    Some(Err(error)) => return self.desynchronised("server", &error, out),
                    Some(Ok(description)) => {
                        let map = self.held_map();
                        let input = PlanInput {
                            map: map.as_deref(),
                            detection: None,
                            carries: true,
                            mask_all: false,
                        };
                        Plan::new(description, &input)
                            .map(|_| ())
                            .map_err(|untraceable| untraceable.label)
                    }
                };
                self.verdicts.insert(key, verdict);
            }
            Outcome::ServerError {
                message,
                catalogue: true,
            } => {
                let code = sqlstate(&message).unwrap_or_default();
                let refusal = Refusal::new(
                    REFUSED,
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

    fn plan(
        &mut self,
        description: RowDescription<'_>,
        carries: bool,
        mask_all: bool,
        out: &mut Output,
    ) -> Option<Arc<Plan>> {
        let map = self.held_map().filter(|_| self.effective.masks_columns());
        if self.effective.masks_columns() && map.is_none() && !mask_all {
            // Nothing was within reach of masks when it was judged, and now masks are in force.
            self.cut(
                &changed("the policy changed while the statement ran"),
                EndReason::Refused,
                out,
            );
            return None;
        }
        let detection = self.effective.detection();
        let input = PlanInput {
            map: map.as_deref(),
            detection,
            carries,
            mask_all,
        };
        match Plan::new(description, &input) {
            Ok(plan) => Some(Arc::new(plan)),
            Err(untraceable) => {
                self.schema_changed();
                let what = format!(
                    "output column \"{}\" can't be traced to columns that may be shown",
                    untraceable.label
                );
                self.cut(&changed(&what), EndReason::Refused, out);
                None
            }
        }
    }

    fn row_description(&mut self, description: RowDescription<'_>, now: Micros, out: &mut Output) -> Show {
        match self.pending.front() {
            Some(Pending::DescribeStatement) => {
                self.pending.pop_front();
                Show::Pass
            }
            Some(Pending::DescribePortal { portal, ours }) => {
                let (portal, ours) = (portal.clone(), *ours);
                self.pending.pop_front();
                if self.watches_results() || self.any_mask_all() {
                    let (carries, mask_all) = self.next_execute(&portal);
                    if let Some(plan) = self.plan(description, carries, mask_all, out) {
                        self.plans.insert(portal, plan);
                    }
                }
                if ours { Show::Hide } else { Show::Pass }
            }
            Some(Pending::Query { runs, .. }) => {
                let Some(run) = runs.front() else {
                    self.desynchronised("server", &"a result without a statement", out);
                    return Show::Hide;
                };
                let (planned, carries, mask_all) = (run.planned, run.carries, run.mask_all);
                let plan = if planned {
                    self.plan(description, carries, mask_all, out)
                } else {
                    None
                };
                if let Some(run) = super::front_run(&mut self.pending) {
                    run.tally.first_byte_at.get_or_insert(now);
                    if plan.is_none() {
                        run.tally.columns = labels(description);
                    }
                    run.plan = plan;
                }
                if self.ended { Show::Hide } else { Show::Pass }
            }
            _ => {
                self.desynchronised("server", &"RowDescription where it was not expected", out);
                Show::Hide
            }
        }
    }

    /// Whether the result of a portal that was described could carry masked values, as its Execute was judged. Nothing
    /// is known of a portal that is described but not yet executed: its rows are planned again then.
    fn next_execute(&self, portal: &Bytes) -> (bool, bool) {
        self.pending
            .iter()
            .find_map(|pending| match pending {
                Pending::Execute { portal: name, run } if name == portal => Some((run.carries, run.mask_all)),
                _ => None,
            })
            .unwrap_or((false, false))
    }

    fn any_mask_all(&self) -> bool {
        self.pending
            .iter()
            .any(|pending| matches!(pending, Pending::Execute { run, .. } if run.mask_all))
    }

    fn described(&mut self, message: &Message<'_>) -> Show {
        match (self.pending.front(), message) {
            (Some(Pending::DescribeStatement), Message::NoData) => {
                self.pending.pop_front();
                Show::Pass
            }
            (Some(Pending::DescribePortal { ours, portal }), Message::NoData) => {
                let ours = *ours;
                let portal = portal.clone();
                self.pending.pop_front();
                self.plans.insert(portal, Arc::new(Plan::nothing()));
                if ours { Show::Hide } else { Show::Pass }
            }
            _ => Show::Pass,
        }
    }

    fn row(&mut self, message: &[u8], row: DataRow<'_>, now: Micros, out: &mut Output) -> Show {
        if self.muted {
            return Show::Hide;
        }
        let portal_plan = match self.pending.front() {
            Some(Pending::Execute { portal, run }) if run.plan.is_none() => self.plans.get(portal).cloned(),
            _ => None,
        };
        let Some(run) = super::front_run(&mut self.pending) else {
            self.desynchronised("server", &"a row without a statement", out);
            return Show::Hide;
        };
        if run.plan.is_none() {
            run.plan = portal_plan;
        }
        run.tally.first_byte_at.get_or_insert(now);
        run.tally.rows += 1;
        let before = out.to_client.len();
        match &run.plan {
            Some(plan) => {
                let plan = Arc::clone(plan);
                if !plan.rewrite(message, row, &mut out.to_client, &mut run.tally) {
                    self.desynchronised("server", &"a row of another shape than was described", out);
                    return Show::Hide;
                }
            }
            None if run.planned => {
                self.cut(
                    &changed("a result came without its description"),
                    EndReason::Refused,
                    out,
                );
                return Show::Hide;
            }
            None => out.to_client.extend_from_slice(message),
        }
        run.tally.bytes += (out.to_client.len() - before) as u64;
        self.watch(before, now, out);
        Show::Hide
    }

    /// Asks the rules about the size of a result; the row that is one too many is taken back.
    fn watch(&mut self, before: usize, now: Micros, out: &mut Output) {
        let Some(run) = super::front_run(&mut self.pending) else {
            return;
        };
        let Some(watch) = run.watch.as_mut() else { return };
        if run.tally.rows < watch.next_rows() && run.tally.bytes < watch.next_bytes() {
            return;
        }
        let Some(decision) = watch.check(run.tally.rows, run.tally.bytes) else {
            return;
        };
        if matches!(decision.verdict, Verdict::Allow) {
            run.watch = None;
            return;
        }
        out.to_client.truncate(before);
        let rule = decision.rule.as_deref().unwrap_or("default").to_owned();
        let message = decision
            .message
            .as_deref()
            .unwrap_or("the result is larger than is allowed");
        let refusal = Refusal::new(
            REFUSED,
            format!("interdict: {message} (rule {rule})"),
            decision
                .hint
                .clone()
                .or_else(|| Some("ask for fewer rows, with LIMIT or a narrower WHERE".to_owned())),
        );
        run.tally.rows -= 1;
        run.stopped = Some((decision, refusal.clone()));
        out.to_client.extend_from_slice(&refusal.error());
        let _ = now;
        self.muted = true;
    }

    fn complete(&mut self, command: &[u8], now: Micros, out: &mut Output) -> Show {
        let over = match self.pending.front_mut() {
            Some(Pending::Execute { .. }) => match self.pending.pop_front() {
                Some(Pending::Execute { portal, mut run }) => {
                    if run.plan.is_none() {
                        run.plan = self.plans.get(&portal).cloned();
                    }
                    Some(*run)
                }
                _ => None,
            },
            Some(Pending::Query { runs, .. }) => runs.pop_front(),
            _ => {
                self.desynchronised("server", &"the end of a statement that was not sent", out);
                return Show::Hide;
            }
        };
        if command == b"DISCARD ALL" || command == b"DEALLOCATE ALL" {
            self.names.confirm(&Change::DropStatements);
            self.rebuild_names();
            self.spoken.clear();
        }
        if let Some(mut run) = over {
            if run.tally.rows == 0 {
                run.tally.rows = affected_rows(command).unwrap_or_default();
            }
            if run.ddl {
                self.ddl_in_transaction = true;
                self.schema_changed();
            }
            self.end_run(run, "ok", None, now, out);
        }
        Show::Pass
    }

    fn confirm(&mut self, message: &Message<'_>, out: &mut Output) -> Show {
        let fits = matches!(
            (self.pending.front(), message),
            (Some(Pending::Parse { .. }), Message::ParseComplete)
                | (Some(Pending::Bind { .. }), Message::BindComplete)
                | (Some(Pending::Close { .. }), Message::CloseComplete)
        );
        if !fits {
            self.desynchronised(
                "server",
                &format_args!("{} where it was not expected", message.name()),
                out,
            );
            return Show::Hide;
        }
        if let Some(pending) = self.pending.pop_front()
            && let Some(change) = pending.change()
        {
            self.names.confirm(change);
            if let Change::Bind(name, _) | Change::ClosePortal(name) = change {
                self.plans.remove(name);
            }
        }
        Show::Pass
    }

    fn error(&mut self, fields: backend::Fields<'_>, now: Micros, out: &mut Output) -> Show {
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

    fn ready(&mut self, status: TransactionStatus, now: Micros, out: &mut Output) -> Show {
        match self.pending.pop_front() {
            Some(Pending::Query { runs, change }) => {
                self.names.confirm(&change);
                for run in runs {
                    self.end_run(run, "skipped", None, now, out);
                }
            }
            Some(Pending::Call { run }) => {
                let mut run = *run;
                let failed = run.failed.take();
                self.end_run(
                    run,
                    if failed.is_some() { "error" } else { "ok" },
                    failed,
                    now,
                    out,
                );
            }
            Some(Pending::Sync) => {}
            _ => {
                self.desynchronised("server", &"ReadyForQuery where it was not expected", out);
                return Show::Hide;
            }
        }
        self.status = status;
        self.muted = false;
        if status == TransactionStatus::Idle {
            self.names
                .end_transaction(self.pending.iter().filter_map(Pending::change));
            if self.pending.is_empty() {
                self.plans.clear();
                self.described.clear();
            }
            if self.ddl_in_transaction {
                self.ddl_in_transaction = false;
                self.schema_changed();
            }
        }
        Show::Pass
    }

    fn copy_out(&mut self, format: Format, now: Micros, out: &mut Output) -> Show {
        let detects = self.effective.detection().is_some();
        let Some(run) = super::front_run(&mut self.pending) else {
            self.desynchronised("server", &"COPY data without a statement", out);
            return Show::Hide;
        };
        run.tally.first_byte_at.get_or_insert(now);
        run.copy = Some(if !detects {
            CopyOut::Pass
        } else if format == Format::Text {
            CopyOut::Detect
        } else {
            CopyOut::DetectBinary
        });
        Show::Pass
    }

    /// A row of COPY. The server sends one row in a message; what detectors put in a text or CSV row holds none of the
    /// characters that these formats escape.
    fn copy_row(&mut self, data: &[u8], now: Micros, out: &mut Output) -> Show {
        let detection = self.effective.detection().cloned();
        let Some(run) = super::front_run(&mut self.pending) else {
            return Show::Pass;
        };
        run.tally.first_byte_at.get_or_insert(now);
        run.tally.rows += 1;
        let before = out.to_client.len();
        let mut hits = 0;
        let mut clean = BytesMut::new();
        let by = &mut run.tally.masked_by;
        let mut on_hit = |name: &str| {
            hits += 1;
            *by.entry(name.to_owned()).or_insert(0) += 1;
        };
        let found = match (&run.copy, &detection) {
            (Some(CopyOut::Detect), Some(detection)) => detection.redact(data, &mut clean, &mut on_hit),
            (Some(CopyOut::DetectBinary), Some(detection)) => {
                super::result::redact_binary_copy(detection, data, &mut clean, &mut on_hit)
            }
            _ => false,
        };
        run.tally.masked_cells += hits;
        if !found {
            run.tally.bytes += data.len() as u64;
            return Show::Pass;
        }
        if let Err(error) = write_message(tag::COPY_DATA, &clean, &mut out.to_client) {
            self.desynchronised("proxy", &error, out);
            return Show::Hide;
        }
        run.tally.bytes += (out.to_client.len() - before) as u64;
        Show::Hide
    }
}

fn changed(what: &str) -> Refusal {
    Refusal::new(
        REFUSED,
        format!("interdict: {what}, so its result is not shown"),
        Some("connect again and repeat the statement".to_owned()),
    )
}

fn labels(description: RowDescription<'_>) -> Vec<interdict_record::Column> {
    description
        .iter()
        .map(|field| interdict_record::Column {
            label: String::from_utf8_lossy(field.name).into_owned(),
            ..interdict_record::Column::default()
        })
        .collect()
}

/// The SQLSTATE of a whole ErrorResponse.
pub(super) fn sqlstate(message: &[u8]) -> Option<String> {
    match backend::parse(tag::ERROR_RESPONSE, message.get(Header::SIZE..)?) {
        Ok(Message::ErrorResponse(fields)) => fields
            .code()
            .map(|code| String::from_utf8_lossy(code).into_owned()),
        _ => None,
    }
}
