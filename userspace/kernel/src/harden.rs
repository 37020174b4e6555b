//! The optional second line: programs of the security modules, those for Unix sockets, and those that note where processes
//! come from. A kernel may refuse any of them,
//! or take them and never run them; that is no error, but never silent: what each closes, and what stays open without it, is
//! in [`coverage`](crate::coverage).

mod lsm;
mod sockets;
mod tracing;
mod unix;

use std::collections::BTreeSet;
use std::path::Path;

use aya::Ebpf;
use interdict_abi::{Hook, Offsets};

pub use sockets::UnixSocket;
pub(crate) use sockets::UnixSockets;

use crate::CgroupRoot;

/// An optional hook, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// Which.
    pub hook: Hook,
    /// Whether it is in force.
    pub state: State,
}

/// Whether an optional hook is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Active,
    /// It is not, because another one sees more.
    NotNeeded,
    /// It is not; the reason, worded for the operator.
    Unavailable(String),
}

/// Every optional hook, in the order in which they are attached.
#[cfg(test)]
pub(crate) fn hooks() -> impl Iterator<Item = Hook> {
    let modules = lsm::ALL.iter().map(|(hook, _)| *hook);
    let traced = tracing::ALL.iter().map(|(hook, _)| *hook);
    modules.chain(unix::ALL).chain(traced)
}

/// Attaches and pins what this kernel takes. Links of an earlier daemon are replaced without a moment between.
pub(crate) fn attach(
    ebpf: &mut Ebpf,
    root: &CgroupRoot,
    links: &Path,
    maps: &Path,
    offsets: &Offsets,
) -> Vec<Hardening> {
    let mut all = lsm::attach(ebpf, links, maps, offsets);
    let sees_sockets = [Hook::LsmUnixConnect, Hook::LsmUnixSend].iter().all(|hook| {
        all.iter()
            .any(|one| one.hook == *hook && one.state == State::Active)
    });
    all.extend(unix::attach(root, links, maps, offsets, sees_sockets));
    all.extend(tracing::attach(ebpf, links, offsets));
    let mut without = Vec::new();
    for Hardening { hook, state } in &all {
        match state {
            State::Active => ::tracing::info!(hook = hook.name(), "hardening is in force"),
            State::NotNeeded => {}
            State::Unavailable(reason) => {
                ::tracing::debug!(hook = hook.name(), reason, "hardening is not in force");
                without.push(hook.name());
            }
        }
    }
    if !without.is_empty() {
        ::tracing::info!(
            hooks = without.join(" "),
            "this kernel does without some hardening: `interdict doctor` tells what follows"
        );
    }
    all
}

/// The optional hooks that are pinned here and in force, as the kernel tells.
pub(crate) fn in_force(links: &Path, maps: &Path) -> BTreeSet<Hook> {
    let mut found: BTreeSet<_> = unix::pinned(links).chain(tracing::pinned(links)).collect();
    let modules: Vec<_> = lsm::pinned(links).collect();
    if modules.contains(&Hook::LsmBpf) && lsm::are_run(maps) == Some(true) {
        found.extend(modules);
    }
    found
}

/// The optional hooks that this kernel would take, as far as that can be told without attaching them.
pub(crate) fn expected() -> BTreeSet<Hook> {
    let mut expected: BTreeSet<_> = tracing::expected().collect();
    if lsm::expected() {
        expected.extend(lsm::ALL.iter().map(|(hook, _)| *hook));
    } else if unix::expected() {
        expected.extend(unix::ALL);
    }
    expected
}

/// The bottom of an error, which is the kernel's answer.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut bottom = error;
    while let Some(source) = bottom.source() {
        bottom = source;
    }
    bottom.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::ORDER;

    #[test]
    fn every_hook_is_required_or_optional() {
        let all: BTreeSet<_> = ORDER.into_iter().chain(hooks()).collect();
        assert_eq!(all.len(), ORDER.len() + hooks().count(), "a hook is both");
        assert_eq!(all.into_iter().collect::<Vec<_>>(), Hook::ALL);
    }
}
