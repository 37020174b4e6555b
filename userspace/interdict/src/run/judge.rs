//! Whose a pod's or a container's cgroup is.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use globset::{GlobBuilder, GlobMatcher};
use interdict_identity::Placement;
use interdict_kernel::Judged;

use super::containers::{Containers, Known};
use super::pods::Pods;
use crate::settings::Match;

/// What a workload asks for.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// A container by its id or one of its names.
    Container {
        glob: GlobMatcher,
        /// Whether only names can match: the pattern is none of hexadecimal digits.
        by_name: bool,
    },
    /// A pod.
    Pod {
        namespace: Option<String>,
        labels: Vec<(String, String)>,
    },
}

impl Condition {
    pub(super) fn of(one: &Match) -> anyhow::Result<Option<Self>> {
        Ok(match one {
            Match::Container(text) => Some(Self::Container {
                glob: GlobBuilder::new(text)
                    .build()
                    .with_context(|| format!("the container pattern `{text}`"))?
                    .compile_matcher(),
                by_name: !text
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'*' | b'?')),
            }),
            Match::Pod { namespace, labels } => Some(Self::Pod {
                namespace: namespace.clone(),
                labels: labels.clone(),
            }),
            _ => None,
        })
    }
}

/// Decides by what is known of pods and containers.
///
/// A pod's cgroup is pending until the API has told of the pod. A container's is pending, for patterns that only a name
/// can match, until its name is on disk: the engines write it before they make the cgroup.
pub(super) struct Judge {
    /// In the order of the workloads, with their positions.
    conditions: Vec<(usize, Condition)>,
    pub(super) pods: Arc<Pods>,
    pub(super) containers: Containers,
}

impl Judge {
    pub(super) fn new(conditions: Vec<(usize, Condition)>, pods: Pods, containers: Containers) -> Self {
        Self {
            conditions,
            pods: Arc::new(pods),
            containers,
        }
    }

    /// Whether any workload asks for pods, so that they must be watched.
    pub(super) fn asks_for_pods(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|(_, condition)| matches!(condition, Condition::Pod { .. }))
    }
}

/// Whether a condition holds, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    Unknown,
}

impl interdict_kernel::Judge for Judge {
    fn judge(&self, cgroup: &Path) -> Option<Judged> {
        let here = Placement::parse(&cgroup.to_string_lossy());
        if here.pod_uid.is_none() && here.container.is_none() {
            return None;
        }
        // What lies below a pod's or a container's cgroup is in scope with it.
        let above = cgroup
            .parent()
            .map(|above| Placement::parse(&above.to_string_lossy()));
        let above = above.unwrap_or_default();
        let pod = here.pod_uid.as_deref().filter(|_| above.pod_uid.is_none());
        let container = here.container.as_ref().filter(|_| above.container.is_none());
        let container = container.map(|container| (container, self.containers.known(container)));
        let holds = |condition: &Condition| match condition {
            Condition::Pod { namespace, labels } => match pod {
                Some(uid) => match self.pods.matches(uid, namespace.as_deref(), labels) {
                    Some(true) => Holds::Yes,
                    Some(false) => Holds::No,
                    None => Holds::Unknown,
                },
                None => Holds::No,
            },
            Condition::Container { glob, by_name } => match &container {
                Some((container, _)) if glob.is_match(&container.id) => Holds::Yes,
                Some((_, Known::Names(names))) if names.iter().any(|name| glob.is_match(name)) => Holds::Yes,
                Some((_, Known::Nothing)) if *by_name => Holds::Unknown,
                _ => Holds::No,
            },
        };
        self.conditions.iter().find_map(|(workload, condition)| {
            let holds = holds(condition);
            (holds != Holds::No).then_some(Judged {
                workload: *workload,
                certain: holds == Holds::Yes,
            })
        })
    }
}

#[cfg(test)]
mod tests;
