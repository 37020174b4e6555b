//! `interdict detach`

use std::path::Path;

use super::Answer;

/// The only command that lifts the kernel's protection: everything else leaves it, dead daemons too.
pub(super) fn detach() -> anyhow::Result<Answer> {
    interdict_kernel::detach(Path::new(interdict_kernel::DEFAULT_PIN_ROOT))?;
    eprintln!("interdict: nothing is attached any more; destinations are reached directly");
    Ok(Answer::Yes)
}
