//! Cgroups whose owner is known by more than their path.

use std::path::Path;

/// Tells whose a cgroup is by what is known of it elsewhere: its pod's labels, its container's name.
///
/// It is asked when a cgroup appears, from the thread that follows the hierarchy, and of every cgroup again after
/// [`Kernel::reconsider`](crate::Kernel::reconsider). It must answer at once, from what it knows.
pub trait Judge: Send + Sync {
    /// `None`: no workload that this judge decides upon can own the cgroup. A cgroup below one that is owned needs no
    /// answer of its own.
    fn judge(&self, cgroup: &Path) -> Option<Judged>;
}

/// A judge's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The first workload that owns the cgroup or may own it: its position in the list given to
    /// [`Kernel::scope`](crate::Kernel::scope).
    pub workload: usize,
    /// Whether it does. If not, protected destinations are refused in that cgroup until it is known.
    pub certain: bool,
}
