//! The grants: minted, in force, ended, reviewed.

mod mint;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use interdict_audit::{Audit, AuditError, GrantUse};
use interdict_policy::{Grant, Granted, Grants};
use interdict_record::{GrantEvent, Record};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use self::mint::Minted;
pub use self::mint::{NewGrant, Until};
use crate::{Person, Refused, now};

/// How long the clock is trusted to stay as it is: it may be set, and then grants end earlier or later.
const LOOK: Duration = Duration::from_secs(10);
/// How soon the record of an end is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes a new snapshot.
type Publish = Box<dyn Fn(Arc<Grants>) + Send + Sync>;

/// The grants. What sessions read is a snapshot that is published whenever one begins to be, or ends.
pub struct Store {
    audit: Arc<Audit>,
    publish: Publish,
    all: Mutex<BTreeMap<Uuid, Kept>>,
    changes: watch::Sender<u64>,
    /// One at a time changes something.
    turn: tokio::sync::Mutex<()>,
}

/// A grant and where it stands.
#[derive(Clone, Debug)]
struct Kept {
    granted: Arc<Granted>,
    /// Who minted it.
    by: Person,
    /// No session has it any more; set before its end is on record.
    cut: bool,
    ended: Option<GrantEvent>,
    reviewed: Option<GrantEvent>,
}

/// A grant as people see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listed {
    /// As it was minted.
    pub grant: Grant,
    /// `coming`, `in force`, `expired` or `revoked`.
    pub state: String,
    /// When it ended, and why, where somebody revoked it.
    pub ended_at: Option<i64>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// Why.
    pub end_reason: Option<String>,
    /// Who reviewed it.
    pub reviewed_by: Option<String>,
    /// Whether somebody has to review it now.
    pub review_due: bool,
    /// What it was used for, where that could be had.
    pub used: Option<GrantUse>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Kept {
    fn state(&self, now: i64) -> &'static str {
        let grant = self.granted.grant();
        match &self.ended {
            Some(ended) if ended.event == "revoked" => "revoked",
            Some(_) => "expired",
            None if self.cut || grant.ends_at <= now => "ending",
            None if grant.starts_at > now => "coming",
            None => "in force",
        }
    }

    fn review_due(&self) -> bool {
        self.granted.grant().break_glass && self.ended.is_some() && self.reviewed.is_none()
    }
}

impl Store {
    /// Takes what the record has of grants that are not over, and publishes it.
    ///
    /// # Errors
    /// The record can't be read back.
    pub async fn open(
        audit: Arc<Audit>,
        publish: impl Fn(Arc<Grants>) + Send + Sync + 'static,
    ) -> Result<Self, AuditError> {
        let mut all = BTreeMap::new();
        for state in audit.grants().await? {
            let id = state.created.grant_id;
            match read::kept(state) {
                Ok(kept) => drop(all.insert(id, kept)),
                // It would give access that nobody can tell the bounds of.
                Err(unread) => {
                    let (created, why) = *unread;
                    tracing::error!(grant = %id, why, "a grant on record does not read in this version: revoked");
                    let event = GrantEvent {
                        at: now(),
                        event: "revoked".to_owned(),
                        person: "daemon".to_owned(),
                        reason: format!("it does not read in this version: {why}"),
                        ..created
                    };
                    audit
                        .append(vec![Record::Grant(Box::new(event))])
                        .await?
                        .durable()
                        .await?;
                }
            }
        }
        let store = Self {
            audit,
            publish: Box::new(publish),
            all: Mutex::new(all),
            changes: watch::Sender::new(0),
            turn: tokio::sync::Mutex::default(),
        };
        store.announce();
        Ok(store)
    }

    /// Ends grants in time; never returns.
    pub async fn keep(self: Arc<Self>) {
        let mut changes = self.changes.subscribe();
        let mut looked = now();
        loop {
            let failed = !self.expire().await;
            let at = now();
            if self.begun(looked, at) {
                self.announce();
            }
            looked = at;
            let wait = if failed { AGAIN } else { self.until_next() };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = changes.changed() => {}
            }
        }
    }

    /// Whether one has begun after the one and not after the other.
    fn begun(&self, from: i64, until: i64) -> bool {
        let all = self.all();
        let mut starts = all.values().map(|kept| kept.granted.grant().starts_at);
        starts.any(|start| from < start && start <= until)
    }

    /// Until the next start or end.
    fn until_next(&self) -> Duration {
        let now = now();
        let all = self.all();
        let moments = all.values().filter(|kept| !kept.cut).flat_map(|kept| {
            let grant = kept.granted.grant();
            [grant.starts_at, grant.ends_at]
        });
        let next = moments.filter(|at| *at > now).min();
        next.map_or(LOOK, |at| {
            Duration::from_micros(u64::try_from(at.saturating_sub(now)).unwrap_or(0)).min(LOOK)
        })
    }

    /// Ends what is over. False: not all of it is on record.
    async fn expire(&self) -> bool {
        let at = now();
        // Sessions first, and without waiting for anything: the record may take its time.
        if self.cut(at) {
            self.announce();
        }
        let _turn = self.turn.lock().await;
        let over: Vec<GrantEvent> = {
            let all = self.all();
            let over = all
                .values()
                .filter(|kept| kept.ended.is_none() && kept.granted.grant().ends_at <= at);
            let by = Person {
                name: "daemon".to_owned(),
                ..Person::default()
            };
            over.map(|kept| read::event(kept.granted.grant(), "expired", &by, "its time was over", at))
                .collect()
        };
        if over.is_empty() {
            return true;
        }
        let records = over.iter().map(|event| Record::Grant(Box::new(event.clone())));
        let written = async { self.audit.append(records.collect()).await?.durable().await };
        if let Err(error) = written.await {
            tracing::error!(%error, "the end of grants is not on record yet; they are over");
            return false;
        }
        {
            let mut all = self.all();
            for event in over {
                if let Some(kept) = all.get_mut(&event.grant_id) {
                    kept.ended = Some(event);
                }
            }
        }
        self.trim();
        true
    }

    /// Takes away what is over at a time. True: there was some.
    fn cut(&self, at: i64) -> bool {
        let mut all = self.all();
        let over = all
            .values_mut()
            .filter(|kept| !kept.cut && kept.granted.grant().ends_at <= at);
        over.map(|kept| kept.cut = true).count() > 0
    }

    /// Ends a grant now. Sessions that run by it are cut at once.
    ///
    /// # Errors
    /// There is none of that id in force, this person may not, the reason is missing; or the end could not be recorded: then
    /// it is over, but comes back with the next start.
    pub async fn revoke(&self, id: &str, person: &Person, reason: &str) -> Result<Listed, Refused> {
        mint::check_reason(reason)?;
        mint::check_outside(person)?;
        let turn = self.turn.lock().await;
        let (id, event) = {
            let mut all = self.all();
            let kept = crate::desk::unique(id, "grant", all.values_mut(), |kept| kept.granted.grant().id)?;
            if kept.ended.is_some() {
                return Err(Refused::TooLate("the grant is over already".to_owned()));
            }
            kept.cut = true;
            let grant = kept.granted.grant();
            (
                grant.id,
                read::event(grant, "revoked", person, reason.trim(), now()),
            )
        };
        self.announce();
        self.record(&event).await.map_err(|error| {
            Refused::HalfDone(format!(
                "the grant is over, but that could not be recorded ({error}): it would come back with the next start; revoke it again"
            ))
        })?;
        self.set(id, |kept| kept.ended = Some(event));
        drop(turn);
        self.show(id).await
    }

    /// Notes that somebody looked at what a grant was used for that was minted without asking anyone.
    ///
    /// # Errors
    /// There is none of that id, it needs no review or is not over, this person minted it, or it could not be recorded.
    pub async fn review(&self, id: &str, person: &Person, reason: &str) -> Result<Listed, Refused> {
        mint::check_reason(reason)?;
        mint::check_outside(person)?;
        let turn = self.turn.lock().await;
        let (id, event) = {
            let mut all = self.all();
            let kept = crate::desk::unique(id, "grant", all.values_mut(), |kept| kept.granted.grant().id)?;
            let grant = kept.granted.grant();
            let late = |what: &str| Err(Refused::TooLate(what.to_owned()));
            if !grant.break_glass {
                return late("only grants that were minted with --break-glass are reviewed");
            }
            if kept.reviewed.is_some() {
                return late("it is reviewed already");
            }
            if kept.ended.is_none() {
                return late("it is not over: revoke it first, so that all that it was used for is known");
            }
            if kept.by.is_also(person) {
                return Err(Refused::NotPermitted(
                    "who minted it can't review it: somebody else has to".to_owned(),
                ));
            }
            (
                grant.id,
                read::event(grant, "reviewed", person, reason.trim(), now()),
            )
        };
        self.record(&event).await?;
        self.set(id, |kept| kept.reviewed = Some(event));
        drop(turn);
        self.show(id).await
    }

    /// Grants, the oldest first. With `all` also those that are over, as far as this run knows them; without, those that somebody
    /// has to review among them.
    pub async fn list(&self, all: bool) -> Vec<Listed> {
        let used = self.used().await;
        let now = now();
        let kept = self.all();
        let wanted = kept
            .values()
            .filter(|kept| all || kept.ended.is_none() || kept.review_due());
        wanted.map(|kept| read::listed(kept, &used, now)).collect()
    }

    /// One by its id or the beginning or end of it.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn find(&self, id: &str) -> Result<Listed, Refused> {
        let id = {
            let all = self.all();
            crate::desk::unique(id, "grant", all.values(), |kept| kept.granted.grant().id)?
                .granted
                .grant()
                .id
        };
        self.show(id).await
    }

    /// What a person must look at, a sentence each.
    pub fn attention(&self) -> Vec<String> {
        let all = self.all();
        let glass = all.values().filter(|kept| kept.granted.grant().break_glass);
        glass
            .filter_map(|kept| {
                let grant = kept.granted.grant();
                let (id, by) = (grant.id, &grant.created_by);
                if kept.review_due() {
                    Some(format!(
                        "the break-glass grant {id} of {by} must be reviewed: `interdict grants review {id} --reason …`"
                    ))
                } else {
                    let running = kept.ended.is_none();
                    running.then(|| format!("a break-glass grant of {by} is in force: {id}"))
                }
            })
            .collect()
    }

    /// A number that changes whenever a grant begins to be or ends.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn show(&self, id: Uuid) -> Result<Listed, Refused> {
        let used = self.used().await;
        let all = self.all();
        let kept = all
            .get(&id)
            .ok_or_else(|| Refused::NotFound("the grant is gone".to_owned()))?;
        Ok(read::listed(kept, &used, now()))
    }

    /// As far as it can be had: what runs now depends on it no less.
    async fn used(&self) -> BTreeMap<Uuid, GrantUse> {
        let states = self.audit.grants().await.unwrap_or_default();
        let used = states
            .into_iter()
            .map(|state| (state.created.grant_id, state.used));
        used.collect()
    }

    async fn record(&self, event: &GrantEvent) -> Result<(), AuditError> {
        let record = Record::Grant(Box::new(event.clone()));
        self.audit.append(vec![record]).await?.durable().await
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Uuid, Kept>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: Uuid, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = self.all().get_mut(&id) {
            change(kept);
        }
        self.trim();
    }

    /// Publishes what is not over, and has sessions look.
    fn announce(&self) {
        let snapshot = {
            let all = self.all();
            let held = all.values().filter(|kept| !kept.cut && kept.ended.is_none());
            Grants::new(held.map(|kept| Arc::clone(&kept.granted)).collect())
        };
        (self.publish)(Arc::new(snapshot));
        self.changes
            .send_modify(|number| *number = number.wrapping_add(1));
    }

    /// Forgets the oldest of those that are over and need nothing more.
    fn trim(&self) {
        const PAST: usize = 1_000;
        let mut all = self.all();
        let over: Vec<Uuid> = all
            .iter()
            .filter(|(_, kept)| kept.ended.is_some() && !kept.review_due())
            .map(|(id, _)| *id)
            .collect();
        for id in over.iter().take(over.len().saturating_sub(PAST)) {
            all.remove(id);
        }
    }
}
