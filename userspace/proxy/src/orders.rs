//! What the daemon wants of the sessions that run.

use std::collections::HashSet;
use std::sync::Arc;

use interdict_session::EndReason;
use tokio::sync::watch;

/// Orders to every session. Later orders replace earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// End: as soon as nothing is unfinished, or when the time for that is over.
    pub stop: bool,
    /// End at once what belongs to these workloads.
    pub quarantined: Arc<HashSet<String>>,
}

/// Why a session must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Stop,
    Quarantine,
}

impl From<Ending> for EndReason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Stop => Self::Shutdown,
            Ending::Quarantine => Self::Quarantine,
        }
    }
}

impl Orders {
    fn ending(&self, workload: Option<&str>) -> Option<Ending> {
        if workload.is_some_and(|workload| self.quarantined.contains(workload)) {
            Some(Ending::Quarantine)
        } else if self.stop {
            Some(Ending::Stop)
        } else {
            None
        }
    }
}

/// Waits until a session of this workload must end.
pub(crate) async fn ending(orders: &mut watch::Receiver<Orders>, workload: Option<&str>) -> Ending {
    let order = orders.wait_for(|orders| orders.ending(workload).is_some()).await;
    // Nobody left to give orders: the daemon is ending.
    order
        .ok()
        .and_then(|orders| orders.ending(workload))
        .unwrap_or(Ending::Stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantine_goes_before_stopping_and_is_for_its_workload_alone() {
        let orders = Orders {
            stop: true,
            quarantined: Arc::new(HashSet::from(["agents".to_owned()])),
        };
        assert_eq!(orders.ending(Some("agents")), Some(Ending::Quarantine));
        assert_eq!(orders.ending(Some("others")), Some(Ending::Stop));
        assert_eq!(orders.ending(None), Some(Ending::Stop));
        assert_eq!(Orders::default().ending(Some("agents")), None);
    }
}
