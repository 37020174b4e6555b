//! What the cluster says of a pod.

use std::collections::BTreeMap;
use std::fmt;

/// A pod as the cluster's API has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The account that it runs as.
    pub service_account: Option<String>,
    /// Its labels. Whoever may change the pod may change them.
    pub labels: BTreeMap<String, String>,
}

/// Whoever follows the pods of this node.
pub trait Pods: fmt::Debug + Send + Sync {
    /// The pod with this uid, if it is known.
    fn pod(&self, uid: &str) -> Option<Pod>;
}
