//! Where the running kernel keeps what the programs read of a task: Rust programs can't ask for it to be relocated.

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Composite, MemberAttr};

/// Offsets in bytes within `task_struct`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) group_leader: u32,
    pub(crate) start_boottime: u32,
}

impl Offsets {
    /// From the kernel's own BTF. Both are 0 if either can't be had: then flows carry no start time.
    pub(crate) fn of_running_kernel() -> Self {
        let found = Btf::from_vmlinux().ok().and_then(|btf| Self::find(&btf));
        if found.is_none() {
            tracing::warn!("the kernel has no BTF for task_struct: flows will carry no process start time");
        }
        found.unwrap_or_default()
    }

    fn find(btf: &Btf<'_>) -> Option<Self> {
        let task: Composite<'_> = btf.type_by_name("task_struct")?;
        Some(Self {
            group_leader: offset(btf, &task, "group_leader")?,
            // Named real_start_time before 5.5.
            start_boottime: offset(btf, &task, "start_boottime")
                .or_else(|| offset(btf, &task, "real_start_time"))?,
        })
    }
}

/// The offset of a member in bytes, also if it is in an unnamed struct or union within (as with a kernel that
/// randomises its structs).
fn offset(btf: &Btf<'_>, within: &Composite<'_>, wanted: &str) -> Option<u32> {
    (0..within.len())
        .filter_map(|index| within.get(index))
        .find_map(|member| {
            let MemberAttr::Normal { offset: bits } = member.attr else {
                return None;
            };
            match member.name {
                Some(name) if !name.is_empty() => (name == wanted).then_some(bits / 8),
                _ => {
                    let inner: Composite<'_> = btf.type_by_id(member.ty)?;
                    offset(btf, &inner, wanted)?.checked_add(bits / 8)
                }
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kernel that interdict supports has BTF, and this test runs on one.
    #[test]
    fn the_running_kernel_is_understood() {
        let found = Offsets::of_running_kernel();
        assert!(
            found.group_leader > 0 && found.group_leader.is_multiple_of(8),
            "{found:?}"
        );
        assert!(
            found.start_boottime > 0 && found.start_boottime.is_multiple_of(8),
            "{found:?}"
        );
        assert_ne!(found.group_leader, found.start_boottime);
    }
}
