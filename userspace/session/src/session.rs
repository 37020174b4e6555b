//! What engines share: the policy in force, decisions, the record ([`Core`]); and, of those that speak SQL, the database, the catalogue as
//! seen, values and names ([`Session`]).
//!
//! An engine owns one of the two and keeps for itself what its protocol alone needs: messages, answers outstanding, rows.

mod core;
mod dialect;
mod guard;
mod hold;
mod judge;
mod leave;
mod login;
mod opinion;
mod portions;
mod reach;
mod recording;
mod sight;
mod spoken;
mod subjects;
mod treatment;
mod values;

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use ahash::RandomState;
use interdict_policy::Effective;
use interdict_record::{Micros, Record, SessionDescribed};

pub(crate) use core::{Core, Protocol};
pub(crate) use dialect::Dialect;
pub(crate) use hold::{HeldResult, Hold, Paused, Place, notice};
pub(crate) use judge::{Carrying, DEFAULT, Judgement, MASKING};
pub(crate) use opinion::{Kept, Release, Second, Stop, stop};
pub(crate) use portions::{Portion, Portions, sent};
pub(crate) use reach::{Reach, lost};
pub use recording::MASKS_LIFTED;
pub(crate) use recording::fingerprint;
pub(crate) use recording::{Asked, Ended, RECORDED_PARAMETER, Scratch, Tally};

use crate::catalogue::{Key, MaskMap};
use crate::context::{Context, Shared};
use crate::output::Output;
use sight::Doubt;
pub(crate) use sight::{Need, Standing};
pub(crate) use spoken::Spoken;
pub(crate) use subjects::{Bearers, Blind, Borne, Seen};
pub(crate) use treatment::Treatment;

/// One session with a database.
pub(crate) struct Session {
    pub(crate) core: Core,
    pub(crate) key: Key,
    pub(crate) dialect: Dialect,
    /// The database in use; empty for none.
    pub(crate) database: String,
    db_user: String,

    /// The catalogue through the policy, and the version of the schema it belongs to.
    map: Option<Sighted>,
    schema_version: Arc<AtomicU64>,
    /// Grows with every other map: what was concluded from one does not hold for the next.
    pub(crate) generation: u64,
    /// When any session, and this one, last asked whether the catalogue still holds.
    checked_at: Arc<AtomicI64>,
    looked_at: Micros,
    /// When the last question of the engine's own went out, and how long the catalogue's take.
    asked_at: Micros,
    cost: u64,
    doubt: Doubt,
    /// The daemon's own login was asked to look at the catalogue, and has not answered.
    awaits_catalogue: bool,
    /// What this session sees of the schema in the transaction that is open is older than what the server follows.
    snapshot: bool,
    /// DDL ran in the transaction that is open: what is read of the catalogue is this session's own until it ends.
    pub(crate) ddl_in_transaction: bool,
    /// Names that were looked for in this version of the catalogue and are not there.
    absent: HashSet<String, RandomState>,
    /// Names that no column of it has, and that the server was asked about.
    strange: HashSet<String, RandomState>,
    /// The catalogue was just read again because a relation was not in it.
    reloaded: bool,

    /// Rows that wait for a second opinion, once one was asked for.
    pub(crate) second: Option<Box<Second>>,

    /// What was sent of results that are taken in portions.
    portions: Portions,
    /// Cursors and SQL-level prepared statements, and what they run.
    spoken: HashMap<String, Vec<Spoken>, RandomState>,
}

impl Deref for Session {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Core {
        &mut self.core
    }
}

/// The catalogue through a policy.
struct Sighted {
    /// Of the schema that the catalogue was read of.
    version: u64,
    effective: Effective,
    map: Arc<MaskMap>,
    /// Read in a transaction that sees what others don't: not to be shared, nor kept longer.
    alone: bool,
}

/// What a client says of itself.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) application: &'a str,
}

impl Session {
    /// Begins a session, and records what the client said of itself.
    pub(crate) fn new(
        shared: Arc<Shared>,
        context: Context,
        dialect: Dialect,
        login: &Login<'_>,
        out: &mut Output,
    ) -> Self {
        let key = Key {
            service: context.service.clone(),
            upstream: context.upstream.clone(),
            database: login.database.to_owned(),
            reader: reader(dialect, &context, login.user),
        };
        let schema_version = shared.catalogues.version(&key);
        let checked_at = shared.catalogues.checked(&key);
        out.records
            .push(Record::SessionDescribed(Box::new(SessionDescribed {
                session_id: context.session_id,
                database: Some(login.database.to_owned()),
                db_user: Some(login.user.to_owned()),
                application: Some(login.application.to_owned()),
                ..SessionDescribed::default()
            })));
        let mut core = Core::new(shared, context, dialect.protocol());
        login.application.clone_into(&mut core.application);
        Self {
            core,
            key,
            dialect,
            database: login.database.to_owned(),
            db_user: login.user.to_owned(),
            map: None,
            schema_version,
            generation: 0,
            checked_at,
            looked_at: 0,
            asked_at: 0,
            cost: 0,
            doubt: Doubt::None,
            awaits_catalogue: false,
            snapshot: false,
            ddl_in_transaction: false,
            absent: HashSet::default(),
            strange: HashSet::default(),
            reloaded: false,
            second: None,
            portions: Portions::default(),
            spoken: HashMap::default(),
        }
    }

    /// The session goes on as another database user, with another catalogue to see.
    pub(crate) fn log_in_as(&mut self, user: &str, database: &str, out: &mut Output) {
        user.clone_into(&mut self.db_user);
        self.key.reader = reader(self.dialect, &self.context, user);
        self.use_database(database);
        out.records
            .push(Record::SessionDescribed(Box::new(SessionDescribed {
                session_id: self.context.session_id,
                database: Some(database.to_owned()),
                db_user: Some(user.to_owned()),
                ..SessionDescribed::default()
            })));
    }

    /// Another database is in use: names without one mean others.
    pub(crate) fn use_database(&mut self, database: &str) {
        database.clone_into(&mut self.database);
        database.clone_into(&mut self.key.database);
        self.map = None;
        self.schema_version = self.shared.catalogues.version(&self.key);
        self.checked_at = self.shared.catalogues.checked(&self.key);
    }

    /// Whether results must be looked at.
    pub(crate) fn watches_results(&self) -> bool {
        self.changes_results() || self.effective.names_subjects()
    }

    /// Whether results may be shown otherwise than they come.
    pub(crate) fn changes_results(&self) -> bool {
        self.effective.masks_columns()
            || self.effective.detection().is_some()
            || !self.effective.opinions().is_empty()
    }

    /// The mask map that what is outstanding was judged by: the schema may have changed since.
    pub(crate) fn held_map(&self) -> Option<Arc<MaskMap>> {
        // One that was read for the policy's `subjects` alone tells nothing of masks.
        let masks = self.map.as_ref().filter(|held| held.effective.masks_columns());
        masks.map(|sighted| Arc::clone(&sighted.map))
    }

    /// What tells whose data the columns of a result are.
    pub(crate) fn bearers(&self) -> Bearers {
        let held = self.map.as_ref().and_then(|sighted| sighted.map.subjects());
        Bearers::held(held, &self.effective)
    }

    /// The schema changed, or may have.
    pub(crate) fn schema_changed(&self) {
        self.shared.catalogues.invalidate(&self.key);
    }

    /// The version of the schema that a catalogue read from now on has.
    pub(crate) fn schema_version(&self) -> u64 {
        self.schema_version.load(Ordering::Acquire)
    }
}

/// Whose catalogue it is, where each user sees another.
fn reader(dialect: Dialect, context: &Context, user: &str) -> String {
    match (dialect, &context.catalogue_user) {
        (Dialect::Postgres, _) => String::new(),
        (Dialect::Mysql(_), Some(own)) => own.to_string(),
        (Dialect::Mysql(_), None) => user.to_owned(),
    }
}
