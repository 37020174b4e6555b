//! All scenarios.

mod identity;
mod lifecycle;
mod redirect;
mod refuse;
mod scope;

use crate::Scenario;

/// Every scenario, in order.
pub(crate) fn all() -> impl Iterator<Item = Scenario> {
    [
        redirect::ALL,
        refuse::ALL,
        scope::ALL,
        identity::ALL,
        lifecycle::ALL,
    ]
    .into_iter()
    .flat_map(|scenarios| scenarios.iter().copied())
}
