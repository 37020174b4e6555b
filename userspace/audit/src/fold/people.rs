//! What people decide: approvals and grants.

use interdict_record::{ApprovalEvent, GrantEvent};
use uuid::Uuid;

use super::Fold;
use crate::grants::{GrantState, GrantUse};
use crate::row::{self, Row};
use crate::table::Table;

impl Fold {
    pub(super) fn approval(&mut self, event: ApprovalEvent, rows: &mut Vec<Row>) {
        self.see(event.at);
        match &*event.event {
            "voted" => {}
            "requested" => {
                let mut open = event.clone();
                open.shown = None;
                self.approvals.insert(event.approval_id, Box::new(open));
            }
            // It may be used later.
            "approved" if event.mode == "retry" => {}
            _ => drop(self.approvals.remove(&event.approval_id)),
        }
        let (at, cells) = (event.at, row::approval(&self.opened.host, event));
        self.link(Table::Approvals, at, cells, rows);
    }

    pub(super) fn grant(&mut self, event: GrantEvent, rows: &mut Vec<Row>) {
        self.see(event.at);
        let id = event.grant_id;
        let known = self.grants.get_mut(&id);
        match (&*event.event, known) {
            ("created", None) => {
                let state = GrantState {
                    created: event.clone(),
                    ..GrantState::default()
                };
                self.grants.insert(id, state);
                self.grant_row(event, None, rows);
            }
            ("reviewed", Some(state)) => {
                state.reviewed = true;
                self.grant_row(event, None, rows);
                self.forget_grant(id);
            }
            ("revoked" | "expired", Some(state)) if state.ended.is_none() => {
                state.ended = Some(event);
                self.end_grant(id, rows);
            }
            _ => {
                let detail = [("grant_id", id.to_string()), ("event", event.event)];
                self.note(
                    "anomaly",
                    "it does not fit what is known of the grant",
                    detail,
                    rows,
                );
            }
        }
    }

    fn grant_row(&mut self, event: GrantEvent, used: Option<GrantUse>, rows: &mut Vec<Row>) {
        let (at, cells) = (event.at, row::grant(&self.opened.host, event, used));
        self.link(Table::Grants, at, cells, rows);
    }

    /// The row of a grant's end, once no statement runs under it.
    pub(super) fn end_grant(&mut self, id: Uuid, rows: &mut Vec<Row>) {
        let Some(state) = self.grants.get(&id).filter(|state| state.open.is_empty()) else {
            return;
        };
        if let Some(ended) = state.ended.clone() {
            let used = state.used.clone();
            self.grant_row(ended, Some(used), rows);
            self.forget_grant(id);
        }
    }

    fn forget_grant(&mut self, id: Uuid) {
        if self.grants.get(&id).is_some_and(GrantState::is_done) {
            self.grants.remove(&id);
        }
    }
}
