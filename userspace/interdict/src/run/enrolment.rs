//! Keeps enrolment as pods and containers are.

use std::sync::Arc;
use std::time::Duration;

use interdict_audit::Audit;
use interdict_kernel::Kernel;
use tokio::task::JoinSet;

use super::judge::Judge;
use super::pods::{self, Watch};
use crate::record::event;

/// How often cgroups are judged again while some are pending.
const AGAIN: Duration = Duration::from_secs(1);

/// Starts to follow what `judge` asks for. To be called after [`Kernel::judge_by`] and [`Kernel::scope`].
///
/// # Errors
/// Pods are asked for and it is not known where the API or the node is.
pub(super) async fn follow(
    kernel: Arc<Kernel>,
    judge: Arc<Judge>,
    audit: Arc<Audit>,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    if judge.asks_for_pods() {
        let (client, node) = pods::connect().await?;
        let kernel = Arc::clone(&kernel);
        tasks.spawn(async move {
            let tell = |watch: Watch| {
                let (kernel, audit) = (Arc::clone(&kernel), Arc::clone(&audit));
                async move { told(watch, &kernel, &audit).await }
            };
            pods::watch(&judge.pods, client, &node, tell).await;
            tracing::error!("pods are no longer followed: restart the daemon");
        });
    }
    tasks.spawn(async move {
        let mut changes = kernel.enrolment_changes();
        loop {
            let pending = kernel.enrolled().into_iter().any(|enrolled| enrolled.pending);
            if pending {
                tokio::time::sleep(AGAIN).await;
                kernel.reconsider();
            } else if changes.changed().await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

async fn told(watch: Watch, kernel: &Kernel, audit: &Audit) {
    let record = match watch {
        Watch::Changed => {
            kernel.reconsider();
            return;
        }
        Watch::Lost(reason) => event(
            "pods_unknown",
            "daemon",
            format!("the Kubernetes API does not tell of pods, new ones are refused: {reason}"),
        ),
        Watch::Found => event("pods_known", "daemon", "the Kubernetes API tells of pods again"),
    };
    if let Err(error) = audit.append(vec![record]).await {
        tracing::error!(%error, "what became of the watch of pods is not on the record");
    }
}
