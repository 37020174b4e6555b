//! `interdict doctor`

use std::io::Write as _;
use std::path::Path;

use super::Answer;
use crate::output;

/// No when anything falls short. Works without root as far as that goes, and says what could not be seen.
pub(super) fn doctor(json: bool) -> anyhow::Result<Answer> {
    // Without it, paths of cgroups are this container's own, which is what the report then says.
    let _ = interdict_kernel::enter_host_cgroup_namespace();
    let report = interdict_kernel::doctor(Path::new(interdict_kernel::DEFAULT_PIN_ROOT));
    let mut out = std::io::stdout().lock();
    if json {
        output::json(&mut out, &report)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(report.shortfalls.is_empty().into())
}
