//! A petition from its record to its end.

use std::sync::Arc;

use interdict_policy::{HoldMode, Ruling};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{Desk, Notice};
use crate::approval::{Approval, State};
use crate::now;

/// What is to be done about a case.
enum Next {
    Gone,
    Wait(Instant, Arc<tokio::sync::Notify>),
    End(State),
}

impl Desk {
    pub(super) async fn follow(self: Arc<Self>, id: Uuid) {
        let requested = self.room().cases.get(&id).map(|case| case.approval.requested());
        let Some(requested) = requested else { return };
        if let Err(error) = self.write(vec![requested], None).await {
            self.end(
                id,
                State::Withdrawn,
                Some(Ruling::Unavailable(format!(
                    "the petition could not be recorded: {error}"
                ))),
            );
            return;
        }
        self.show(id);
        loop {
            match self.next(id) {
                Next::Gone => return,
                Next::Wait(until, wake) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = wake.notified() => {}
                },
                Next::End(_) => {
                    let Some(turn) = self.room().cases.get(&id).map(|case| Arc::clone(&case.turn)) else {
                        return;
                    };
                    let _turn = turn.lock().await;
                    // Somebody may have decided meanwhile.
                    if let Next::End(state) = self.next(id) {
                        self.settle(id, state).await;
                    }
                }
            }
        }
    }

    /// Lets people see it; a client that does not wait is told so.
    fn show(&self, id: Uuid) {
        let shown = {
            let mut room = self.room();
            let Some(case) = room.cases.get_mut(&id) else {
                return;
            };
            case.shown = true;
            if case.approval.mode == HoldMode::Retry
                && let Some(waiting) = case.waiting.take()
            {
                let _ = waiting.send(Ruling::Asked { approval: id });
            }
            Arc::new(case.approval.clone())
        };
        self.changed();
        self.notify(Notice::Requested(shown));
    }

    fn next(&self, id: Uuid) -> Next {
        let room = self.room();
        let Some(case) = room.cases.get(&id) else {
            return Next::Gone;
        };
        let over = Instant::now() >= case.deadline;
        match case.approval.state {
            State::Pending | State::Approved if room.closed => Next::End(State::Shutdown),
            State::Pending if case.withdrawn => Next::End(State::Withdrawn),
            State::Pending | State::Approved if over => Next::End(State::Expired),
            // It is remembered for as long as it would have waited, and then forgotten.
            State::Denied if over || room.closed => Next::End(State::Denied),
            State::Pending | State::Approved | State::Denied => {
                Next::Wait(case.deadline, Arc::clone(&case.wake))
            }
            // Whoever uses it ends it.
            _ => Next::Wait(
                Instant::now() + std::time::Duration::from_mins(1),
                Arc::clone(&case.wake),
            ),
        }
    }

    async fn settle(&self, id: Uuid, state: State) {
        let ruling = match state {
            State::Denied => {
                self.forget(id);
                return;
            }
            State::Expired => Ruling::Expired { approval: id },
            State::Shutdown => Ruling::Unavailable("the daemon is stopping".to_owned()),
            _ => Ruling::Unavailable("nobody waited for it".to_owned()),
        };
        let event = self
            .room()
            .cases
            .get(&id)
            .map(|case| case.approval.event(state.as_str(), now()));
        let Some(event) = event else { return };
        let ruling = match self.write(vec![event], None).await {
            Ok(()) => ruling,
            Err(error) => {
                tracing::error!(%error, approval = %id, "the end of an approval is not on record");
                Ruling::Unavailable(format!("its end could not be recorded: {error}"))
            }
        };
        self.end(id, state, Some(ruling));
    }

    /// The end of a case, which is on record; its client is told.
    pub(super) fn end(&self, id: Uuid, state: State, ruling: Option<Ruling>) -> Option<Arc<Approval>> {
        let approval = {
            let mut room = self.room();
            let mut case = room.cases.remove(&id)?;
            room.forget_again(&case.approval);
            room.close(&case.approval.identity);
            case.approval.state = state;
            case.approval.decided_at.get_or_insert_with(now);
            if let (Some(waiting), Some(ruling)) = (case.waiting.take(), ruling) {
                let _ = waiting.send(ruling);
            }
            case.wake.notify_one();
            let approval = Arc::new(case.approval);
            room.past.push_back(Arc::clone(&approval));
            while room.past.len() > self.bounds.past {
                room.past.pop_front();
            }
            approval
        };
        self.changed();
        self.notify(Notice::Decided(Arc::clone(&approval)));
        Some(approval)
    }

    /// A denial that is no longer remembered.
    fn forget(&self, id: Uuid) {
        {
            let mut room = self.room();
            let Some(case) = room.cases.remove(&id) else {
                return;
            };
            room.forget_again(&case.approval);
            room.past.push_back(Arc::new(case.approval));
            while room.past.len() > self.bounds.past {
                room.past.pop_front();
            }
        }
        self.changed();
    }

    /// The one use of an approval, which nobody else can have: its state says so.
    pub(super) async fn consume(&self, id: Uuid, tell: oneshot::Sender<Ruling>) {
        let found = {
            let room = self.room();
            room.cases.get(&id).map(|case| {
                let approval = &case.approval;
                (
                    approval.event(State::Consumed.as_str(), now()),
                    approval.approved_by(),
                )
            })
        };
        let Some((event, by)) = found else { return };
        let ruling = match self.write(vec![event], None).await {
            Ok(()) => Ruling::Approved { approval: id, by },
            Err(error) => Ruling::Unavailable(format!("its use could not be recorded: {error}")),
        };
        self.end(id, State::Consumed, None);
        let _ = tell.send(ruling);
    }
}
