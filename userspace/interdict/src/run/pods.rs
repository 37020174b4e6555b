//! Pods of this node, as the Kubernetes API tells of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::pin;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource as _, ResourceExt as _};

/// A pod that the API has forgotten may still run for a while: what it was stays known for so long.
const REMEMBERED: Duration = Duration::from_hours(1);
/// A static pod's cgroup is named after this annotation of its mirror, not after the mirror's uid.
const STATIC: &str = "kubernetes.io/config.hash";

/// What is known of pods.
#[derive(Debug, Default)]
pub(super) struct Pods(RwLock<HashMap<String, Facts>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
    gone: Option<Instant>,
}

impl Pods {
    /// Whether a pod is of this namespace and has these labels; `None` if it is not known.
    pub(super) fn matches(
        &self,
        uid: &str,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Option<bool> {
        let pods = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let pod = pods.get(uid)?;
        let namespace = namespace.is_none_or(|wanted| pod.namespace == wanted);
        let labels = labels
            .iter()
            .all(|(key, value)| pod.labels.get(key) == Some(value));
        Some(namespace && labels)
    }

    /// Takes one pod; `true` if that is news.
    fn take(&self, meta: &ObjectMeta) -> bool {
        let Some(uid) = uid(meta) else { return false };
        let facts = Facts {
            name: meta.name.clone().unwrap_or_default(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            labels: meta.labels.clone().unwrap_or_default(),
            gone: None,
        };
        let mut pods = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pods.insert(uid, facts.clone()) != Some(facts)
    }

    /// Notes which pods the API has no more, and forgets those of long ago.
    fn retain(&self, here: impl Fn(&str) -> bool) {
        let now = Instant::now();
        let mut pods = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pods.retain(|uid, pod| {
            if here(uid) {
                return true;
            }
            let gone = *pod.gone.get_or_insert(now);
            now.saturating_duration_since(gone) < REMEMBERED
        });
    }
}

impl interdict_identity::Pods for Pods {
    fn pod(&self, uid: &str) -> Option<interdict_identity::Pod> {
        let pods = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let pod = pods.get(uid)?;
        Some(interdict_identity::Pod {
            name: pod.name.clone(),
            namespace: pod.namespace.clone(),
            // Metadata has none; what else a pod's description holds (its environment) is not asked for. Its token tells.
            service_account: None,
            labels: pod.labels.clone(),
        })
    }
}

fn uid(meta: &ObjectMeta) -> Option<String> {
    let annotations = meta.annotations.as_ref();
    let hash = annotations
        .and_then(|annotations| annotations.get(STATIC))
        .cloned();
    hash.or_else(|| meta.uid.clone())
}

/// A connection to the API: in the cluster by the pod's own account, else by `$KUBECONFIG`; and the node's name.
pub(super) async fn connect() -> anyhow::Result<(Client, String)> {
    let node = std::env::var("NODE_NAME").context(
        "workloads that match pods need NODE_NAME in the daemon's environment: the node's name in Kubernetes \
         (spec.nodeName by the downward API)",
    )?;
    let client = Client::try_default()
        .await
        .context("connecting to Kubernetes: no account of a pod, and no KUBECONFIG")?;
    Ok((client, node))
}

/// What becomes of the watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// Something is known now that was not.
    Changed,
    /// The API can't be reached, and why: pods that are not known yet stay refused. Told when that begins.
    Lost(String),
    /// It can be reached again.
    Found,
}

/// Watches the pods of a node until it is dropped.
pub(super) async fn watch<F: Future<Output = ()>>(
    pods: &Pods,
    client: Client,
    node: &str,
    tell: impl Fn(Watch) -> F,
) {
    let config = watcher::Config::default().fields(&format!("spec.nodeName={node}"));
    let watched = watcher::watcher(Api::<PartialObjectMeta<Pod>>::all(client), config).default_backoff();
    let mut watched = pin!(watched);
    let mut listed: HashSet<String> = HashSet::new();
    let mut lost = false;
    while let Some(event) = watched.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "the Kubernetes API does not tell of pods: those not known yet stay refused");
                if !lost {
                    lost = true;
                    tell(Watch::Lost(error.to_string())).await;
                }
                continue;
            }
        };
        if lost && !matches!(event, Event::Init) {
            lost = false;
            tell(Watch::Found).await;
        }
        let news = match event {
            Event::Init => {
                listed.clear();
                false
            }
            Event::InitApply(pod) => {
                listed.extend(uid(pod.meta()));
                pods.take(pod.meta())
            }
            Event::InitDone => {
                pods.retain(|uid| listed.contains(uid));
                false
            }
            Event::Apply(pod) => take(pods, &pod),
            Event::Delete(pod) => {
                let gone = uid(pod.meta());
                pods.retain(|uid| gone.as_deref() != Some(uid));
                false
            }
        };
        if news {
            tell(Watch::Changed).await;
        }
    }
}

fn take(pods: &Pods, pod: &PartialObjectMeta<Pod>) -> bool {
    let news = pods.take(pod.meta());
    if news {
        tracing::debug!(pod = pod.name_any(), "pod");
    }
    news
}

#[cfg(test)]
mod tests;
