//! `interdict check`

use std::path::Path;

use super::{Answer, WrongSettings};
use crate::settings::Settings;

pub(super) fn check(config: &Path) -> anyhow::Result<Answer> {
    Settings::check(config).map_err(WrongSettings)?;
    Ok(Answer::Yes)
}
