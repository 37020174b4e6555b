//! What people say.

use std::sync::Arc;
use std::time::Duration;

use interdict_policy::{HoldMode, Ruling};
use interdict_record::ApprovalEvent;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Desk, Notice};
use crate::approval::{Approval, State, Vote};
use crate::store::Minted;
use crate::{Person, Refused, now};

/// The longest reason that is kept, in bytes.
const LONGEST_REASON: usize = 4096;

/// What somebody says about a petition.
#[derive(Clone, Debug, Default)]
pub struct Say {
    /// Whether it is a yes.
    pub approve: bool,
    /// Why.
    pub reason: String,
    /// With a yes: make it a grant of this length besides.
    pub grant: Option<Duration>,
}

/// How an approval stands after somebody spoke.
enum Stands {
    /// It goes on: more people have to speak, or the client has to come again.
    Open(Arc<Approval>),
    /// It is over for the client that waits.
    Over(State, Option<oneshot::Sender<Ruling>>, Ruling),
}

impl Desk {
    /// Notes what a person says about a petition, and decides it if that is enough: one no, or as many different people's
    /// yes as the policy wants. Gives the approval as it stands then.
    ///
    /// # Errors
    /// There is none of that id, it is over, this person may not decide or has spoken already, the reason is missing, or it
    /// could not be recorded: then nothing changed.
    pub async fn say(&self, id: &str, person: &Person, say: Say) -> Result<Arc<Approval>, Refused> {
        let reason = say.reason.trim();
        if reason.is_empty() || reason.len() > LONGEST_REASON {
            return Err(Refused::Invalid(format!(
                "a decision needs a reason, of at most {LONGEST_REASON} bytes"
            )));
        }
        let id = self.find(id)?.id;
        let over = || Refused::TooLate("it is over: see `interdict approvals show`".to_owned());
        let turn = self.room().cases.get(&id).map(|case| Arc::clone(&case.turn));
        let turn = turn.ok_or_else(over)?;
        let _turn = turn.lock().await;

        let mut approval = {
            let room = self.room();
            let case = room.cases.get(&id).ok_or_else(over)?;
            if case.approval.state != State::Pending
                || case.withdrawn
                || room.closed
                || Instant::now() >= case.deadline
            {
                return Err(over());
            }
            case.approval.clone()
        };
        if let Some(objection) = approval.objection(person) {
            tracing::warn!(approval = %id, person = person.name, objection, "somebody may not decide");
            return Err(Refused::NotPermitted(objection));
        }
        if approval.votes.iter().any(|vote| vote.person.is_also(person)) {
            return Err(Refused::TooLate(format!(
                "{} has approved it already; {} different people have to",
                person.name, approval.quorum
            )));
        }
        let vote = Vote {
            person: person.clone(),
            approve: say.approve,
            reason: reason.to_owned(),
            at: now(),
            grant_seconds: say.grant.filter(|_| say.approve).map(|grant| grant.as_secs()),
        };
        let mut events = vec![approval.voted(&vote)];
        approval.votes.push(vote);
        let yes = u32::try_from(approval.approved_by().len()).unwrap_or(u32::MAX);
        let decided = if !say.approve {
            Some(State::Denied)
        } else if yes >= approval.quorum {
            Some(State::Approved)
        } else {
            None
        };
        let mut minted = None;
        if let Some(state) = decided {
            approval.state = state;
            approval.decided_at = Some(now());
            if state == State::Approved {
                minted = self.store.mint_from(&approval)?;
                approval.grant_id = minted.as_ref().map(Minted::id);
            }
            let (people, reason) = if state == State::Denied {
                approval.denied_by()
            } else {
                let reasons: Vec<&str> = approval.votes.iter().map(|vote| &*vote.reason).collect();
                (approval.approved_by(), reasons.join("; "))
            };
            events.push(ApprovalEvent {
                people,
                reason: Some(reason),
                via: Some(person.via.clone()),
                ..approval.event(state.as_str(), now())
            });
        }
        let record = minted.as_ref().map(Minted::record);
        self.write(events, record).await?;
        if let Some(minted) = minted {
            self.store.admit(minted);
        }
        self.stand(approval, decided).await
    }

    /// What was recorded is so from here on.
    async fn stand(&self, approval: Approval, decided: Option<State>) -> Result<Arc<Approval>, Refused> {
        let id = approval.id;
        let gone = || Refused::TooLate("it was ended meanwhile".to_owned());
        match self.take(approval, decided).ok_or_else(gone)? {
            Stands::Open(approval) => {
                self.changed();
                if decided.is_some() {
                    self.notify(Notice::Decided(Arc::clone(&approval)));
                }
                Ok(approval)
            }
            Stands::Over(state, waiting, ruling) => {
                self.tell(id, state, waiting, ruling).await.ok_or_else(gone)
            }
        }
    }

    /// `None`: it is gone.
    fn take(&self, approval: Approval, decided: Option<State>) -> Option<Stands> {
        let mut room = self.room();
        let case = room.cases.get_mut(&approval.id)?;
        case.approval = approval;
        let retry = case.approval.mode == HoldMode::Retry;
        match decided {
            Some(State::Approved) if retry => {
                // Its time counts anew: the client has to come again.
                case.deadline = Instant::now() + case.timeout;
                let timeout = i64::try_from(case.timeout.as_micros()).unwrap_or(i64::MAX);
                case.approval.expires_at = now().saturating_add(timeout);
                case.wake.notify_one();
                Some(Stands::Open(Arc::new(case.approval.clone())))
            }
            Some(State::Denied) if retry => {
                // It is remembered, and takes up nobody's room.
                let denied = Arc::new(case.approval.clone());
                room.close(&denied.identity);
                Some(Stands::Open(denied))
            }
            Some(state) => {
                let ruling = ruling(&case.approval, state);
                Some(Stands::Over(state, case.waiting.take(), ruling))
            }
            None => Some(Stands::Open(Arc::new(case.approval.clone()))),
        }
    }

    /// Tells the client that waits. One that is gone does not use it, which is on record, too.
    async fn tell(
        &self,
        id: Uuid,
        state: State,
        waiting: Option<oneshot::Sender<Ruling>>,
        ruling: Ruling,
    ) -> Option<Arc<Approval>> {
        let told = waiting.is_some_and(|waiting| waiting.send(ruling).is_ok());
        let ended = self.end(id, state, None)?;
        if !told
            && state == State::Approved
            && let Err(error) = self
                .write(vec![ended.event(State::Withdrawn.as_str(), now())], None)
                .await
        {
            tracing::error!(%error, approval = %id, "that an approval was not used is not on record");
        }
        Some(ended)
    }
}

fn ruling(approval: &Approval, state: State) -> Ruling {
    let id = approval.id;
    if state == State::Approved {
        return Ruling::Approved {
            approval: id,
            by: approval.approved_by(),
        };
    }
    let (by, reason) = approval.denied_by();
    Ruling::Denied {
        approval: id,
        by,
        reason,
    }
}
