//! `interdict console`

use std::io::{self, Write as _};

use super::approvals::no;
use super::{Answer, door};
use crate::admin::{Request, Response};
use crate::cli::Console;
use crate::output;

/// No when the daemon refuses.
pub(super) fn console(command: Console) -> anyhow::Result<Answer> {
    let Console::Login { door, json } = command;
    match door::ask(&door, &Request::ConsoleLogin) {
        Ok(Response::ConsoleLogin { url }) => {
            let mut out = io::stdout().lock();
            if json.json {
                output::json(&mut out, &serde_json::json!({ "url": url }))?;
            } else {
                writeln!(out, "{url}")?;
            }
            Ok(Answer::Yes)
        }
        Ok(_) => Err(door::unexpected()),
        Err(error) => no(error),
    }
}
