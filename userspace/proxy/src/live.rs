//! The sessions that are open, counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Open sessions by workload and service. Asked by people; touched once when a session begins and once when it ends.
#[derive(Debug, Default)]
pub struct Live {
    counts: Mutex<HashMap<(Option<String>, String), u64>>,
    ended: Notify,
}

impl Live {
    /// Counts a session until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>, workload: Option<String>, service: String) -> Entered {
        let key = (workload, service);
        *self.lock().entry(key.clone()).or_default() += 1;
        Entered {
            live: Arc::clone(self),
            key,
        }
    }

    /// Every workload and service that has open sessions, with their number. No workload: by an explicit listener.
    pub fn counts(&self) -> Vec<((Option<String>, String), u64)> {
        self.lock()
            .iter()
            .map(|(key, count)| (key.clone(), *count))
            .collect()
    }

    /// The open sessions of a workload.
    pub fn of_workload(&self, name: &str) -> u64 {
        let counts = self.lock();
        let of_it = counts
            .iter()
            .filter(|((workload, _), _)| workload.as_deref() == Some(name));
        of_it.map(|(_, count)| count).sum()
    }

    /// Waits until a workload has no open session.
    pub async fn until_none_of(&self, workload: &str) {
        loop {
            let ended = self.ended.notified();
            if self.of_workload(workload) == 0 {
                return;
            }
            ended.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Option<String>, String), u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is counted.
#[derive(Debug)]
pub(crate) struct Entered {
    live: Arc<Live>,
    key: (Option<String>, String),
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.live.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
        drop(counts);
        self.live.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_counted_while_they_last() {
        let live = Arc::new(Live::default());
        let enter = || live.enter(Some("agents".to_owned()), "clinic".to_owned());
        let (first, second) = (enter(), enter());
        let _other = live.enter(None, "clinic".to_owned());
        assert_eq!(live.of_workload("agents"), 2);
        drop(first);
        assert_eq!(live.of_workload("agents"), 1);
        drop(second);
        assert_eq!(live.counts(), [((None, "clinic".to_owned()), 1)]);
    }
}
