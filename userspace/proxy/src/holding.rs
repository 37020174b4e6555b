//! Asking a person about a held statement, until there is an answer or the client takes it back.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use interdict_approvals::{About, Desk};
use interdict_policy::{Petition, Ruling};
use tokio::sync::Notify;

/// A person's answer on its way.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Ruling> + Send>>;

/// Statements that wait, by what cancels them from another connection: PostgreSQL's process id and secret key.
#[derive(Clone, Debug, Default)]
pub struct Cancels(Arc<Mutex<HashMap<Bytes, Arc<Notify>>>>);

impl Cancels {
    /// Cancels the statement that waits under such a key; false if none does.
    pub(crate) fn cancel(&self, key: &[u8]) -> bool {
        let waiting = self.lock().get(key).cloned();
        if let Some(waiting) = &waiting {
            waiting.notify_one();
        }
        waiting.is_some()
    }

    fn enter(&self, key: Option<Bytes>) -> Entered {
        let notify = Arc::new(Notify::new());
        if let Some(key) = &key {
            self.lock().insert(key.clone(), Arc::clone(&notify));
        }
        Entered {
            cancels: self.clone(),
            key,
            notify,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Bytes, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A statement that can be cancelled, for as long as it waits.
struct Entered {
    cancels: Cancels,
    key: Option<Bytes>,
    notify: Arc<Notify>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.cancels.lock().remove(key);
        }
    }
}

/// Asks. Dropped, it takes the question back.
pub(crate) fn ask(
    desk: &Arc<Desk>,
    cancels: &Cancels,
    petition: Petition,
    about: About,
    key: Option<Bytes>,
) -> Answer {
    let (asking, entered) = (desk.ask(petition, about), cancels.enter(key));
    Box::pin(async move {
        tokio::select! {
            ruling = asking => ruling,
            () = entered.notify.notified() => Ruling::Withdrawn,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_cancels_what_waits_under_it_and_nothing_else() {
        let cancels = Cancels::default();
        let key = Bytes::from_static(b"12345678");
        assert!(!cancels.cancel(&key));
        let waiting = cancels.enter(Some(key.clone()));
        assert!(!cancels.cancel(b"87654321") && cancels.cancel(&key));
        waiting.notify.notified().await;
        drop(waiting);
        assert!(!cancels.cancel(&key));
    }
}
