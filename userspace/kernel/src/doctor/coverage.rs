//! Each known way around the proxy, and what closes it here. What nothing closes is a gap, told with what follows from it and
//! what to do.

mod ways;

use std::collections::BTreeSet;

use interdict_abi::Hook;
use serde::Serialize;

use ways::{Closed, WAYS, Way};

/// A way around, and whether it is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// What somebody might do.
    pub technique: &'static str,
    /// What closes it here: hooks in force by name, or the part of the design that does.
    pub closed_by: Vec<&'static str>,
    /// What is open; `None` if nothing is.
    pub gap: Option<Gap>,
}

/// What is open of a way around.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// What follows from it.
    pub consequence: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Every known way around, judged by the hooks that are in force.
#[must_use]
pub fn coverage(in_force: &BTreeSet<Hook>) -> Vec<Coverage> {
    WAYS.iter().map(|way| judge(way, in_force)).collect()
}

fn judge(way: &Way, in_force: &BTreeSet<Hook>) -> Coverage {
    let whole = |hooks: &[Hook]| hooks.iter().all(|hook| in_force.contains(hook));
    let names = |hooks: &[Hook]| {
        let held = hooks.iter().filter(|hook| in_force.contains(hook));
        held.map(|hook| hook.name()).collect::<Vec<_>>()
    };
    let (closed_by, closed) = match way.closed {
        Closed::ByDesign(what) => (vec![what], true),
        Closed::ByHooks(alternatives) => alternatives
            .iter()
            .find(|hooks| whole(hooks))
            .map_or((Vec::new(), false), |hooks| (names(hooks), true)),
        Closed::ByHooksOrInPart(hooks, _) if whole(hooks) => (names(hooks), true),
        Closed::ByHooksOrInPart(_, hooks) | Closed::InPart(hooks) => (names(hooks), false),
        Closed::Never => (Vec::new(), false),
    };
    Coverage {
        technique: way.technique,
        closed_by,
        gap: (!closed).then_some(Gap {
            consequence: way.consequence,
            remedy: way.remedy,
        }),
    }
}

#[cfg(test)]
mod tests;
