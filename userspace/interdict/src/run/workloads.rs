//! Who is enrolled, as the kernel's side takes it.

use std::sync::Arc;

use super::containers::Containers;
use super::judge::{Condition, Judge};
use super::pods::Pods;
use crate::settings::{Match, Settings};

/// What paths, users and executables say.
pub(super) fn all(settings: &Settings) -> Vec<interdict_kernel::Workload> {
    let one = |workload: &crate::settings::Workload| {
        let mut entry = interdict_kernel::Workload {
            name: workload.name.clone(),
            ..Default::default()
        };
        for one in &workload.matches {
            match one {
                Match::Cgroup(glob) => entry.paths.push(glob.clone()),
                Match::Unit(glob) => entry.units.push(glob.clone()),
                Match::User(number) => entry.users.push(*number),
                Match::Executable(glob) => entry.executables.push(glob.clone()),
                // Known by more than its path: see `judge`.
                Match::Container(_) | Match::Pod { .. } => {}
            }
        }
        entry
    };
    settings.workloads.iter().map(one).collect()
}

/// What pods and containers say; `None` if no workload asks for either.
pub(super) fn judge(settings: &Settings) -> anyhow::Result<Option<Arc<Judge>>> {
    let mut conditions = Vec::new();
    for (position, workload) in settings.workloads.iter().enumerate() {
        for one in &workload.matches {
            if let Some(condition) = Condition::of(one)? {
                conditions.push((position, condition));
            }
        }
    }
    Ok((!conditions.is_empty())
        .then(|| Arc::new(Judge::new(conditions, Pods::default(), Containers::default()))))
}
