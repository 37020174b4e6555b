//! Enrolment by user.

use std::collections::BTreeMap;
use std::path::Path;

use interdict_abi::{Scope, name};

use super::Workload;
use super::tables::Table;
use crate::{KernelError, stable_id};

/// Whose a user's tasks are; of several workloads the first.
fn wanted(workloads: &[Workload]) -> BTreeMap<u32, Scope> {
    let mut users = BTreeMap::new();
    for workload in workloads {
        let scope = Scope {
            workload: stable_id(&workload.name),
            flags: 0,
        };
        for user in &workload.users {
            users.entry(*user).or_insert(scope);
        }
    }
    users
}

/// Refuses to go on if this process would be redirected by what these workloads say.
pub(super) fn refuse_own(workloads: &[Workload]) -> Result<(), KernelError> {
    let own = nix::unistd::getuid().as_raw();
    let by = workloads.iter().find(|workload| workload.users.contains(&own));
    match by {
        Some(workload) => Err(KernelError::OwnProcessInScope {
            what: format!("user {own}"),
            workload: workload.name.clone(),
        }),
        None => Ok(()),
    }
}

/// Makes the table hold exactly the users of these workloads. New ones go in before old ones go out.
pub(super) fn write(maps: &Path, workloads: &[Workload]) -> Result<BTreeMap<u32, Scope>, KernelError> {
    let wanted = wanted(workloads);
    let Some(mut table) = Table::users(maps)? else {
        return if wanted.is_empty() {
            Ok(wanted)
        } else {
            Err(KernelError::Missing(name::USER))
        };
    };
    for (user, scope) in &wanted {
        table.insert(*user, *scope)?;
    }
    table.retain(|user| wanted.contains_key(user))?;
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(name: &str, users: &[u32]) -> Workload {
        Workload {
            name: name.to_owned(),
            users: users.to_vec(),
            ..Workload::default()
        }
    }

    #[test]
    fn the_first_workload_counts() {
        let wanted = wanted(&[workload("a", &[5, 6]), workload("b", &[6, 7])]);
        let names: Vec<_> = wanted
            .iter()
            .map(|(user, scope)| (*user, scope.workload))
            .collect();
        assert_eq!(
            names,
            [(5, stable_id("a")), (6, stable_id("a")), (7, stable_id("b"))]
        );
    }

    #[test]
    fn the_daemons_own_user_is_refused() {
        let own = nix::unistd::getuid().as_raw();
        assert!(refuse_own(&[workload("a", &[own.wrapping_add(1)])]).is_ok());
        let refused = refuse_own(&[workload("a", &[]), workload("b", &[1, own])]).unwrap_err();
        assert!(refused.to_string().contains("workload b"), "{refused}");
    }
}
