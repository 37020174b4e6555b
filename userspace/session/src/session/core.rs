//! What a session is, whatever is spoken in it: who, with what, under which policy, and what is counted.

use std::sync::Arc;

use interdict_policy::{Effective, PolicySet};
use interdict_record::{Micros, Record, SessionEnded};

use crate::context::{Context, Shared};
use crate::output::{EndReason, Output};
use crate::refusal::Kind;
use crate::session::hold::Hold;
use crate::session::leave::Leave;

/// What every engine has, those without a database too.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) context: Context,
    pub(super) protocol: Protocol,
    /// What the client calls itself.
    pub(crate) application: String,

    pub(super) policies: Arc<PolicySet>,
    /// The policies that apply, without the masks that grants lift.
    pub(crate) effective: Effective,
    pub(crate) leave: Leave,
    pub(super) hold: Option<Hold>,
    /// What the statement would cost that is about to be held.
    pub(super) plan: Option<String>,

    counter: u64,
    pub(crate) totals: Totals,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Postgres,
    Mysql,
    Http,
}

#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) statements: u64,
    pub(crate) rows: u64,
    pub(crate) masked_cells: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

impl Core {
    pub(crate) fn new(shared: Arc<Shared>, context: Context, protocol: Protocol) -> Self {
        let policies = shared.policies.load_full();
        let effective = policies.effective(&context.service, &context.identity);
        Self {
            shared,
            context,
            protocol,
            application: String::new(),
            policies,
            effective,
            leave: Leave::default(),
            hold: None,
            plan: None,
            counter: 0,
            totals: Totals::default(),
        }
    }

    /// The protocol's name in policies and in the audit.
    pub(crate) const fn protocol(&self) -> &'static str {
        match self.protocol {
            Protocol::Postgres => "postgres",
            Protocol::Mysql => "mysql",
            Protocol::Http => "http",
        }
    }

    /// The code of a refusal, as clients see it.
    pub(super) fn code(&self, kind: Kind) -> String {
        match self.protocol {
            Protocol::Postgres => crate::postgres::sqlstate(kind).to_owned(),
            Protocol::Mysql => crate::mysql::sqlstate(kind),
            Protocol::Http => crate::http::status(kind).to_string(),
        }
    }

    /// Whether the policy has masks for what such sessions show.
    pub(super) fn masks(&self) -> bool {
        let in_bodies = self.protocol == Protocol::Http && self.effective.json_masks().next().is_some();
        in_bodies || self.effective.masks_columns()
    }

    /// Records the session's end.
    pub(crate) fn finish(&self, reason: EndReason, now: Micros, out: &mut Output) {
        out.records.push(Record::SessionEnded(Box::new(SessionEnded {
            session_id: self.context.session_id,
            ended_at: now,
            end_reason: reason.as_str().to_owned(),
            statements: self.totals.statements,
            rows: self.totals.rows,
            bytes_in: self.totals.bytes_in,
            bytes_out: self.totals.bytes_out,
            masked_cells: self.totals.masked_cells,
            flags: Vec::new(),
        })));
    }

    pub(super) fn next_id(&mut self, now: Micros) -> uuid::Uuid {
        self.counter += 1;
        statement_id(self.context.session_id, self.counter, now)
    }
}

/// A UUIDv7 made from the time, the session and a count, so that the engine needs no source of randomness.
fn statement_id(session: uuid::Uuid, counter: u64, now: Micros) -> uuid::Uuid {
    let mut random = [0_u8; 10];
    for (to, from) in random.iter_mut().zip(session.as_bytes().iter().skip(6)) {
        *to = *from;
    }
    for (to, from) in random.iter_mut().skip(2).zip(counter.to_be_bytes()) {
        *to ^= from;
    }
    let millis = u64::try_from(now / 1000).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
