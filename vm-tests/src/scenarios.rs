//! All scenarios.

mod around;
mod enrol;
mod existing;
mod harden;
mod identity;
mod lifecycle;
pub(crate) mod link;
mod liveness;
mod namespaces;
mod redirect;
mod refuse;
mod scope;

use crate::Scenario;

/// Every scenario, in order.
pub(crate) fn all() -> impl Iterator<Item = Scenario> {
    [
        redirect::ALL,
        refuse::ALL,
        around::ALL,
        liveness::ALL,
        scope::ALL,
        enrol::ALL,
        identity::ALL,
        lifecycle::ALL,
        harden::ALL,
        namespaces::ALL,
        existing::ALL,
    ]
    .into_iter()
    .flat_map(|scenarios| scenarios.iter().copied())
}

/// Runs a future of the kernel's crate to its end.
fn block_on<T, E: Into<anyhow::Error>>(future: impl Future<Output = Result<T, E>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(future).map_err(Into::into)
}
