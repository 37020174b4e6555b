//! `demo`: the whole path with a real server and its unmodified client, laid out for reading, and checked as it goes.

mod approval;
mod audit;
mod clinic;
mod http;
mod scenes;
mod server;
mod stage;

use anyhow::Result;

use self::scenes::Show;
pub(crate) use self::server::Kind;
use self::stage::Stage;
use crate::build::{self, Profile};
use crate::cleanup::Cleanup;
use crate::ui;
use crate::workspace::Workspace;

/// What the demo is shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    Database(Kind),
    /// APIs over HTTP, with curl and boto3.
    Http,
    /// Deletes that wait for a person, with both databases and an API.
    Approval,
}

/// Shows everything. Whether all that it claims was seen to be so.
pub(crate) fn run(workspace: &Workspace, with: With, keep: bool) -> Result<bool> {
    let built = build::run(workspace, Profile::Release)?;
    let cleanup = Cleanup::watching()?;
    match with {
        With::Database(kind) => {
            let shown = Stage::set(workspace, kind, &built.binary, &cleanup).and_then(|stage| {
                let mut show = Show::new(&stage);
                show.play()?;
                Ok((show.verdict(), move || stage.leave_running()))
            });
            end(shown, &cleanup, keep)
        }
        With::Approval => end(approval::show(&built.binary, &cleanup), &cleanup, keep),
        With::Http => end(http::show(workspace, &built.binary, &cleanup), &cleanup, keep),
    }
}

/// Leaves all of it running, or nothing.
fn end(shown: Result<(bool, impl FnOnce() -> Result<()>)>, cleanup: &Cleanup, keep: bool) -> Result<bool> {
    match shown {
        Ok((passed, leave_running)) if keep => {
            leave_running()?;
            cleanup.forget();
            Ok(passed)
        }
        Ok((passed, _)) => {
            cleanup.run();
            ui::note("everything that was started is stopped and removed");
            Ok(passed)
        }
        Err(error) => {
            cleanup.run();
            Err(error)
        }
    }
}
