//! Where petitions wait.

mod decide;
mod follow;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use interdict_audit::{Audit, AuditError};
use interdict_policy::{HoldMode, Petition, Ruling};
use interdict_record::{ApprovalEvent, Record};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Duration, Instant};
use uuid::Uuid;

pub use self::decide::Say;
use crate::approval::{Approval, State};
use crate::{About, Asking, Refused, Store, now};

/// How long a stop waits for what is pending to be on record.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How much may be pending.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// At once.
    pub pending: usize,
    /// At once of one identity.
    pub of_identity: usize,
    /// Approvals that are over and still shown.
    pub past: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            pending: 10_000,
            of_identity: 2_000,
            past: 1_000,
        }
    }
}

/// Something that people outside are told.
#[derive(Clone, Debug)]
pub enum Notice {
    /// Somebody has to decide.
    Requested(Arc<Approval>),
    /// It is over: decided, expired, withdrawn.
    Decided(Arc<Approval>),
}

/// Where petitions wait for people.
pub struct Desk {
    audit: Arc<Audit>,
    store: Arc<Store>,
    /// Session threads have no rights to what takes part in a decision: their petitions are followed by tasks of this.
    runtime: Handle,
    bounds: Bounds,
    room: Mutex<Room>,
    notices: Option<mpsc::Sender<Notice>>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Room {
    /// Nothing more is taken.
    closed: bool,
    /// By id, which is by time.
    cases: BTreeMap<Uuid, Case>,
    /// Cases whose client comes again.
    retries: HashMap<Again, Uuid>,
    /// How many of an identity are open.
    of_identity: HashMap<String, usize>,
    open: usize,
    past: VecDeque<Arc<Approval>>,
}

/// What tells that a petition is the same as one before. Other terms are another petition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Again {
    digest: String,
    identity: String,
    service: String,
    approvers: Vec<String>,
    quorum: u32,
}

struct Case {
    approval: Approval,
    /// Until when, counted anew when it was approved and nobody waits.
    deadline: Instant,
    timeout: Duration,
    /// It is on record, so that people may see it.
    shown: bool,
    withdrawn: bool,
    /// Who asked went away while it was decided, or never waited.
    waiting: Option<oneshot::Sender<Ruling>>,
    /// One at a time writes about it and changes it.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The one that follows it is to look.
    wake: Arc<Notify>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Again {
    fn of(approval: &Approval) -> Self {
        Self {
            digest: approval.digest.clone(),
            identity: approval.identity.clone(),
            service: approval.service.clone(),
            approvers: approval.approvers.clone(),
            quorum: approval.quorum,
        }
    }
}

impl Room {
    /// Who comes again is asked about anew, unless that has begun already.
    fn forget_again(&mut self, approval: &Approval) {
        let key = Again::of(approval);
        if self.retries.get(&key) == Some(&approval.id) {
            self.retries.remove(&key);
        }
    }

    /// One fewer is open.
    fn close(&mut self, identity: &str) {
        self.open = self.open.saturating_sub(1);
        if let Some(count) = self.of_identity.get_mut(identity) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_identity.remove(identity);
            }
        }
    }
}

impl Desk {
    /// A desk that follows petitions by tasks of `runtime`. `notices` are told what comes and goes; one that finds no room there
    /// is logged and not waited for.
    pub fn new(
        audit: Arc<Audit>,
        store: Arc<Store>,
        runtime: Handle,
        bounds: Bounds,
        notices: Option<mpsc::Sender<Notice>>,
    ) -> Self {
        Self {
            audit,
            store,
            runtime,
            bounds,
            room: Mutex::default(),
            notices,
            changes: watch::Sender::new(0),
        }
    }

    /// Asks people. May be called from any thread.
    pub fn ask(self: &Arc<Self>, petition: Petition, about: About) -> Asking {
        let timeout = petition.terms.timeout;
        let until = now().saturating_add(i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX));
        let approval = Approval::new(petition, about, until);
        let retry = approval.mode == HoldMode::Retry;
        let mut room = self.room();
        if room.closed {
            return Asking::ready(Ruling::Unavailable("the daemon is stopping".to_owned()));
        }
        if retry && let Some(asking) = self.again(&mut room, &approval) {
            return asking;
        }
        if room.open >= self.bounds.pending {
            return Asking::ready(Ruling::Unavailable(format!(
                "{} statements wait for approval already",
                room.open
            )));
        }
        let of_identity = room.of_identity.entry(approval.identity.clone()).or_default();
        if *of_identity >= self.bounds.of_identity {
            return Asking::ready(Ruling::Unavailable(format!(
                "{of_identity} statements of {} wait for approval already",
                approval.identity
            )));
        }
        *of_identity = of_identity.saturating_add(1);
        room.open = room.open.saturating_add(1);
        let id = approval.id;
        if retry {
            room.retries.insert(Again::of(&approval), id);
        }
        let (tell, told) = oneshot::channel();
        let case = Case {
            approval,
            deadline: Instant::now() + timeout,
            timeout,
            shown: false,
            withdrawn: false,
            waiting: Some(tell),
            turn: Arc::default(),
            wake: Arc::default(),
        };
        room.cases.insert(id, case);
        drop(room);
        self.runtime.spawn(Arc::clone(self).follow(id));
        if retry {
            Asking::of(told)
        } else {
            Asking::waiting(told, Arc::clone(self), id)
        }
    }

    /// What is said to a client that came again; `None`: it is the first time, as far as is remembered.
    fn again(self: &Arc<Self>, room: &mut Room, approval: &Approval) -> Option<Asking> {
        let key = Again::of(approval);
        let id = *room.retries.get(&key)?;
        let case = room.cases.get_mut(&id)?;
        let uid = approval.about.uid;
        match case.approval.state {
            State::Pending => return Some(Asking::ready(Ruling::Asked { approval: id })),
            State::Denied => {
                let (by, reason) = case.approval.denied_by();
                return Some(Asking::ready(Ruling::Denied {
                    approval: id,
                    by,
                    reason,
                }));
            }
            State::Approved => {}
            _ => return None,
        }
        if let Some(uid) = uid
            && let mut votes = case.approval.votes.iter()
            && votes.any(|vote| vote.person.uids().any(|voter| voter == uid))
        {
            return Some(Asking::ready(Ruling::Unavailable(
                "who approved a statement may not run it".to_owned(),
            )));
        }
        // Nobody else can have it from here on.
        case.approval.state = State::Consumed;
        case.approval.session_id = approval.session_id;
        case.approval.statement_id = approval.statement_id;
        room.retries.remove(&key);
        let (tell, told) = oneshot::channel();
        let desk = Arc::clone(self);
        self.runtime.spawn(async move { desk.consume(id, tell).await });
        Some(Asking::of(told))
    }

    /// Nobody waits for it any more.
    pub(crate) fn withdraw(&self, id: Uuid) {
        if let Some(case) = self.room().cases.get_mut(&id) {
            case.withdrawn = true;
            case.wake.notify_one();
        }
    }

    /// What waits, the oldest first; with `past` also what is over, as far as it is remembered.
    pub fn list(&self, past: bool) -> Vec<Approval> {
        let room = self.room();
        let over = room.past.iter().filter(|_| past);
        let open = room.cases.values().filter(|case| case.shown);
        let mut list: Vec<Approval> = over.map(|approval| (**approval).clone()).collect();
        list.extend(
            open.map(|case| &case.approval)
                .filter(|approval| past || approval.state == State::Pending)
                .cloned(),
        );
        list.sort_by_key(|approval| approval.id);
        list
    }

    /// How many wait.
    pub fn pending(&self) -> usize {
        self.room().open
    }

    /// One by its id or the beginning or end of it.
    ///
    /// # Errors
    /// There is none, or several.
    pub fn find(&self, id: &str) -> Result<Approval, Refused> {
        let room = self.room();
        let open = room
            .cases
            .values()
            .filter(|case| case.shown)
            .map(|case| &case.approval);
        let over = room.past.iter().map(|approval| &**approval);
        unique(id, "approval", open.chain(over), |approval| approval.id).cloned()
    }

    /// A number that changes whenever something comes or goes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Refuses whatever waits and takes nothing more; returns when that is on record, or after five seconds.
    pub async fn close(&self) {
        let mut changes = self.changes.subscribe();
        {
            let mut room = self.room();
            room.closed = true;
            for case in room.cases.values() {
                case.wake.notify_one();
            }
        }
        let gone = async { while !self.room().cases.is_empty() && changes.changed().await.is_ok() {} };
        if tokio::time::timeout(LAST_WORDS, gone).await.is_err() {
            tracing::error!("approvals could not all be closed in time; the next start ends them");
        }
    }

    /// A number that changes whenever a grant begins, is minted or ends: sessions look at their grants then.
    pub fn grants_changed(&self) -> watch::Receiver<u64> {
        self.store.changes()
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes
            .send_modify(|number| *number = number.wrapping_add(1));
    }

    fn notify(&self, notice: Notice) {
        if let Some(notices) = &self.notices
            && notices.try_send(notice).is_err()
        {
            tracing::error!(
                "a notice about an approval found no room and is not sent; `interdict approvals list` shows it"
            );
        }
    }

    /// Returns when it is on disk.
    async fn write(&self, events: Vec<ApprovalEvent>, more: Option<Record>) -> Result<(), AuditError> {
        let mut records: Vec<Record> = events
            .into_iter()
            .map(|event| Record::Approval(Box::new(event)))
            .collect();
        records.extend(more);
        self.audit.append(records).await?.durable().await
    }
}

/// The one whose id it is, or begins or ends so. Ids that were made within a minute begin alike.
pub(crate) fn unique<T>(
    text: &str,
    what: &str,
    all: impl Iterator<Item = T>,
    id: impl Fn(&T) -> Uuid,
) -> Result<T, Refused> {
    let wanted = text.trim().to_ascii_lowercase();
    if wanted.len() < 4 && !wanted.is_empty() {
        return Err(Refused::Invalid(format!(
            "`{}` is too short for the {what}'s id: at least 4 of its characters",
            text.escape_debug()
        )));
    }
    let mut found = all.filter(|one| {
        let id = id(one).to_string();
        !wanted.is_empty() && (id.starts_with(&wanted) || id.ends_with(&wanted))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Refused::Invalid(format!(
            "`{}` begins or ends more than one {what}'s id: give more of it",
            text.escape_debug()
        ))),
        (None, _) => Err(Refused::NotFound(format!(
            "there is no {what} `{}` (any more)",
            text.escape_debug()
        ))),
    }
}
