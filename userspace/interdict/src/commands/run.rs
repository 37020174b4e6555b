//! `interdict run`

use std::path::Path;

use tracing_subscriber::filter::LevelFilter;

use super::{Answer, WrongSettings};
use crate::settings::Settings;

/// Settings are read before anything is set up, so that a mistake in them changes nothing. The daemon itself is
/// [`crate::run::daemon`].
pub(super) fn run(config: &Path) -> anyhow::Result<Answer> {
    let (settings, policies) = Settings::load(config).map_err(WrongSettings)?;
    crate::trace::start(LevelFilter::INFO)?;
    crate::run::daemon(config, settings, policies)?;
    Ok(Answer::Yes)
}
