//! Asking the daemon.

use anyhow::bail;

use super::WrongSettings;
use crate::admin::{self, Request, Response};
use crate::cli::Door;
use crate::settings::Settings;

/// The daemon's answer.
pub(super) fn ask(door: &Door, request: &Request) -> anyhow::Result<Response> {
    let socket = match &door.socket {
        Some(socket) => socket.clone(),
        None => match Settings::places(&door.config.config) {
            Ok(places) => places.admin.socket,
            Err(problems) => bail!(
                "{}\nname the settings with `--config FILE`, or the daemon's socket with `--socket PATH`",
                WrongSettings(problems)
            ),
        },
    };
    Ok(admin::call(&socket, request)?)
}

/// For an answer to another question.
pub(super) fn unexpected() -> anyhow::Error {
    anyhow::anyhow!("the daemon answered another question: are both of the same version?")
}

/// To the second, as people read it.
pub(super) fn moment(micros: i64) -> String {
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(moment) => format!("{moment:.0}"),
        Err(_) => micros.to_string(),
    }
}
