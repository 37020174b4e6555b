//! The catalogue as a login of the daemon's own reads it, so that the client's session is not asked.
//!
//! What a session did in a transaction and has not committed is seen by no other login. While that is known (`ddl_in_transaction`)
//! everything is read over the session; and inside a transaction the session is asked for its mark, at most once a second, so
//! that what a routine did unseen is noticed.

use std::sync::atomic::Ordering;

use interdict_record::Micros;
use interdict_sql::{Access, Statement};

use super::sight::{Need, Standing};
use super::{Dialect, Session};
use crate::catalogue::MaskMap;
use crate::output::Output;
use crate::refusal::{Kind, Refusal};

impl Session {
    /// Whether a login of the daemon's own reads the catalogue.
    pub(crate) fn has_login(&self) -> bool {
        self.context.catalogue_user.is_some()
    }

    /// No transaction is open: what this session sees others see too.
    pub(super) fn begin_between(&mut self) {
        self.snapshot = false;
        if self.has_login() {
            // So much of it is told by what the login found; only inside a transaction that counts for less.
            self.looked_at = self.looked_at.max(self.checked_at.load(Ordering::Acquire));
        }
    }

    /// Whether the session itself is asked for its mark though there is a login.
    pub(super) fn asks_itself(&self, standing: Standing) -> bool {
        // Every change of the schema commits in MySQL.
        self.has_login() && self.dialect == Dialect::Postgres && !standing.between && !self.snapshot
    }

    /// Whether a statement names what the login may have no right to see, though the session's user has: MySQL shows each
    /// user a part. Then nothing is taken for harmless because its name is not in the catalogue.
    pub(super) fn may_be_hidden(&self, statement: &Statement, map: &MaskMap) -> bool {
        if !self.has_login() || self.dialect == Dialect::Postgres {
            return false;
        }
        let mut own = statement
            .relations
            .iter()
            .filter(|relation| !self.dialect.is_system(relation) && relation.access != Access::Define)
            .peekable();
        let any = own.peek().is_some();
        own.any(|relation| !map.knows(relation))
            || self.unknown_routines(statement, map).next().is_some()
            || any
                && (statement.references.wide
                    || statement
                        .references
                        .columns
                        .iter()
                        .any(|name| !map.catalogue().has_column(name)))
    }

    /// Asks the daemon's own login for what is needed. False if the session itself has to be asked.
    pub(crate) fn ask_login(
        &mut self,
        need: Need,
        standing: Standing,
        now: Micros,
        out: &mut Output,
    ) -> bool {
        let over_session = self.ddl_in_transaction
            || (need == Need::Mark && self.asks_itself(standing))
            || !self.has_login();
        if over_session {
            return false;
        }
        self.asked(need, now);
        self.awaits_catalogue = true;
        out.catalogue = Some(self.key.clone());
        true
    }

    /// Whether the client's message waits for that login.
    pub(crate) fn awaits_catalogue(&self) -> bool {
        self.awaits_catalogue
    }

    /// The login has looked, and what it found is shared; or it could not: then the session can't go on.
    pub(crate) fn catalogue_came(&mut self, came: Result<(), String>, now: Micros) -> Option<Refusal> {
        self.awaits_catalogue = false;
        self.looked_at = now;
        let why = came.err()?;
        Some(Refusal::new(
            Kind::Refused,
            format!(
                "interdict: the catalogue of service {} can't be read by its own login, so columns can't be told apart: {why}",
                self.context.service
            ),
            Some("the operator looks at `catalogue` of the service in the settings".to_owned()),
        ))
    }
}
