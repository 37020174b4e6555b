//! COPY to the client.

use std::sync::Arc;

use bytes::BytesMut;
use interdict_masking::postgres::copy::{Change, Column, Rewriter, Treatment};
use interdict_record::Micros;
use interdict_wire::postgres::backend::{CopyFormat, tag};
use interdict_wire::postgres::write_message;

use super::Show;
use crate::output::{EndReason, Output};
use crate::postgres::form;
use crate::postgres::{Engine, front_run};
use crate::refusal::{Kind, Refusal};

impl Engine {
    pub(super) fn copy_out(&mut self, format: CopyFormat<'_>, now: Micros, out: &mut Output) -> Show {
        let detection = self.session.effective.detection().cloned();
        let limit = self.session.context.limits.message;
        let Some(run) = front_run(&mut self.pending) else {
            self.desynchronised("server", &"COPY data without a statement", out);
            return Show::Hide;
        };
        run.tally.first_byte_at.get_or_insert(now);
        if run.copied.is_none() && run.carrying.bears() {
            run.tally.subjects.lose(1);
        }
        let columns = match &run.copied {
            Some(plan) => Some(plan.copy_columns()),
            // Of types nothing is known here: fields are taken for text.
            None if detection.is_some() => Some(vec![
                Column {
                    type_oid: 0,
                    treatment: Treatment::Search,
                    read: false,
                };
                format.columns.len()
            ]),
            None => None,
        };
        if let Some(columns) = columns {
            let fits = columns.len() == format.columns.len();
            let Some(layout) = run.layout.clone().filter(|_| fits) else {
                let refusal = Refusal::new(
                    Kind::Refused,
                    "interdict: the fields of these COPY data can't be told apart, so they are not shown",
                    Some("use FORMAT text, csv or binary, without ENCODING, or SELECT".to_owned()),
                );
                self.cut(&refusal, EndReason::Refused, out);
                return Show::Hide;
            };
            run.rewriter = Some(Box::new(Rewriter::new(layout, columns, detection, limit)));
        }
        if let Err(refusal) = self.opinion_on_copy(format) {
            out.to_client.extend_from_slice(&form::error(&refusal));
            self.muted = true;
            return Show::Hide;
        }
        Show::Pass
    }

    pub(super) fn copy_done(&mut self, out: &mut Output) -> Show {
        let whole = front_run(&mut self.pending)
            .and_then(|run| run.rewriter.as_ref())
            .is_none_or(|rewriter| rewriter.finish().is_ok());
        if !whole || !self.opinion_on_copy_is_over() {
            self.desynchronised("server", &"COPY data that end within a row", out);
            return Show::Hide;
        }
        Show::Pass
    }

    /// COPY data. The server sends one row in a message.
    pub(super) fn copy_row(&mut self, data: &[u8], now: Micros, out: &mut Output) -> Show {
        if self.muted {
            return Show::Hide;
        }
        let Some(run) = front_run(&mut self.pending) else {
            return Show::Pass;
        };
        run.tally.first_byte_at.get_or_insert(now);
        run.tally.rows += 1;
        let before = out.to_client.len();
        let Some(rewriter) = run.rewriter.as_deref_mut() else {
            run.tally.bytes += data.len() as u64;
            if run.watch.is_none() {
                return Show::Pass;
            }
            if let Err(error) = write_message(tag::COPY_DATA, data, &mut out.to_client) {
                self.desynchronised("proxy", &error, out);
                return Show::Hide;
            }
            self.watch(before, now, out);
            return Show::Hide;
        };
        let plan = run.copied.as_ref().map(Arc::clone);
        let tally = &mut run.tally;
        let mut clean = BytesMut::new();
        let rewritten = rewriter.push(data, &mut clean, |column, change| {
            match change {
                Change::Detected(name) => tally.count(name),
                Change::Masked => tally.count(plan.as_ref().map_or("", |plan| plan.origin(column))),
                Change::Read(format, value) => {
                    if let Some(plan) = &plan {
                        plan.note(column, format, value, tally);
                    }
                    return;
                }
            }
            tally.masked_cells += 1;
        });
        if let Err(error) = rewritten {
            let refusal = Refusal::new(
                Kind::Refused,
                format!("interdict: {error}"),
                Some("copy less of it, or use SELECT".to_owned()),
            );
            self.cut(&refusal, EndReason::Refused, out);
            return Show::Hide;
        }
        if !clean.is_empty()
            && let Err(error) = write_message(tag::COPY_DATA, &clean, &mut out.to_client)
        {
            self.desynchronised("proxy", &error, out);
            return Show::Hide;
        }
        if let Some(run) = front_run(&mut self.pending) {
            run.tally.bytes += (out.to_client.len() - before) as u64;
        }
        self.watch(before, now, out);
        Show::Hide
    }
}
