//! Waiting for a ruling.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use interdict_policy::Ruling;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::Desk;

/// A petition under way: resolves to what became of it. Dropping it withdraws the petition, unless its client does not wait
/// anyway (`mode: retry`).
#[must_use = "what nobody waits for is withdrawn"]
#[derive(Debug)]
pub struct Asking {
    ruling: oneshot::Receiver<Ruling>,
    /// What is withdrawn with it.
    case: Option<(Arc<Desk>, Uuid)>,
}

impl Asking {
    pub(crate) fn ready(ruling: Ruling) -> Self {
        let (tell, told) = oneshot::channel();
        // It is held here.
        let _ = tell.send(ruling);
        Self::of(told)
    }

    pub(crate) fn of(ruling: oneshot::Receiver<Ruling>) -> Self {
        Self { ruling, case: None }
    }

    pub(crate) fn waiting(ruling: oneshot::Receiver<Ruling>, desk: Arc<Desk>, case: Uuid) -> Self {
        Self {
            ruling,
            case: Some((desk, case)),
        }
    }
}

impl Future for Asking {
    type Output = Ruling;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ruling> {
        let ruling = std::task::ready!(Pin::new(&mut self.ruling).poll(context));
        self.case = None;
        Poll::Ready(ruling.unwrap_or_else(|_| Ruling::Unavailable("the daemon is ending".to_owned())))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some((desk, case)) = self.case.take() {
            desk.withdraw(case);
        }
    }
}
