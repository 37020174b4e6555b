//! Refusing what a scoped task does, where the hook itself is the guard: the part that all such hooks share.

use interdict_abi::{Address, Config, Flow, Hook, Protect, Scope, Verdict, protect_flag};

use crate::heart::is_alive;
use crate::report::{config, count, observing, tell};
use crate::scope::scope;
use crate::task;

/// Refuses a scoped task what it is about to do; whether anybody else may do it is not asked. `detail` is told.
#[inline(always)]
pub(crate) fn may(hook: Hook, verdict: Verdict, detail: u32) -> bool {
    match caller() {
        Some((config, scope)) => judge(config, &scope, hook, verdict, detail),
        None => {
            count(hook, Verdict::OutOfScope);
            true
        }
    }
}

/// The settings, and the scope of the calling task if it has one. Without settings (an array's entry is always there)
/// nobody is known to be in scope, and a host on which every task were refused could not be repaired.
#[inline(always)]
pub(crate) fn caller() -> Option<(&'static Config, Scope)> {
    let config = config()?;
    Some((config, scope(config)?))
}

/// Refuses a task that is known to be in scope, unless the mode is to observe.
#[inline(always)]
pub(crate) fn judge(config: &Config, scope: &Scope, hook: Hook, verdict: Verdict, detail: u32) -> bool {
    finish(config, scope, hook, verdict, task::zero(), detail)
}

/// The same for what belongs to a service, which may be set to fail open.
#[inline(always)]
pub(crate) fn judge_service(
    config: &Config,
    scope: &Scope,
    protect: &Protect,
    hook: Hook,
    verdict: Verdict,
    detail: u32,
) -> bool {
    let open = protect.flags & protect_flag::FAIL_OPEN != 0 && !is_alive(config);
    let verdict = if open { Verdict::FailedOpen } else { verdict };
    finish(config, scope, hook, verdict, protect.service, detail)
}

#[inline(always)]
fn finish(config: &Config, scope: &Scope, hook: Hook, verdict: Verdict, service: u32, detail: u32) -> bool {
    let nothing = task::zero();
    let mut flow: Flow = task::caller(config, Address([nothing; 4]), nothing as u16);
    flow.netns_cookie = u64::from(nothing);
    flow.family = nothing as u16;
    flow.service = service;
    flow.workload = scope.workload;
    let verdict = if observing(config) {
        Verdict::Observed
    } else {
        verdict
    };
    tell(hook, verdict, detail, &flow);
    matches!(verdict, Verdict::Observed | Verdict::FailedOpen)
}
