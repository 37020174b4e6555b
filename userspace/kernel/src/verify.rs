//! Whether the programs still are where they were put.

use interdict_abi::Hook;
use libbpf_rs::Link;

use crate::kernel::load;
use crate::object::object;
use crate::{Kernel, KernelError, hooks};

impl Kernel {
    /// The names of required hooks whose link is gone, is elsewhere than at the cgroup2 root, or holds another program than
    /// this daemon's.
    #[must_use]
    pub fn missing_hooks(&self) -> Vec<&'static str> {
        let sound = |hook: Hook| {
            let Ok(info) = Link::open(self.pins().links.join(hook.name())).and_then(|link| link.info())
            else {
                return false;
            };
            let ours = self.program_id(hook);
            hooks::is_at_root(hook, &info) && ours.is_none_or(|ours| ours == info.prog_id)
        };
        hooks::ORDER
            .into_iter()
            .filter(|hook| !sound(*hook))
            .map(Hook::name)
            .collect()
    }

    /// Puts the programs back: new ones on the same tables, in the links that are left and in new ones for those that are not.
    ///
    /// # Errors
    /// As for [`Kernel::attach`].
    pub fn repair(&self) -> Result<(), KernelError> {
        let pins = self.pins();
        let mut ebpf = load(object()?, pins)?;
        let outcome = hooks::attach_all(&mut ebpf, self.cgroup_root(), &pins.links)?;
        self.replace_programs(outcome.programs);
        tracing::warn!(
            attached = outcome.attached,
            replaced = outcome.adopted,
            "programs were attached again"
        );
        Ok(())
    }
}
