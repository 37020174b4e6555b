//! Landlock: no file, no listening port, no other process's abstract socket, no signal to another process.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, RestrictionStatus, Ruleset,
    RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::Gap;

/// The newest whose restrictions are asked for; of an older kernel's we take what there is.
const KNOWN: ABI = ABI::V6;

/// Takes all of it from the calling thread. What is open stays usable, and connecting by TCP is left alone.
pub(super) fn forbid() -> Option<Gap> {
    let reason = match restrict() {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => return None,
            RulesetStatus::PartiallyEnforced => {
                return Some(Gap {
                    what: "landlock",
                    reason: "this kernel's Landlock can't take everything from a thread".to_owned(),
                    consequence: "whatever it can't (listening, signals, file operations that are newer) is refused to \
                                  session threads by the filter of system calls alone; Linux 6.12 and later can",
                });
            }
            RulesetStatus::NotEnforced => "this kernel has no Landlock, or it is not switched on".to_owned(),
        },
        Err(error) => format!("{:#}", anyhow::Error::new(error)),
    };
    Some(Gap {
        what: "landlock",
        reason,
        consequence: "files are refused to session threads by the filter of system calls alone; Landlock needs Linux 5.13 \
                      and `landlock` among the kernel's `lsm=`",
    })
}

fn restrict() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .restrict_self()
}
