//! `demo`: the whole path with a real server and an unmodified psql, laid out for reading, and checked as it goes.

mod audit;
mod clinic;
mod scenes;
mod stage;

use anyhow::Result;

use self::scenes::Show;
use self::stage::Stage;
use crate::build::{self, Profile};
use crate::cleanup::Cleanup;
use crate::ui;
use crate::workspace::Workspace;

/// Shows everything. Whether all that it claims was seen to be so.
pub(crate) fn run(workspace: &Workspace, keep: bool) -> Result<bool> {
    let built = build::run(workspace, Profile::Release)?;
    let cleanup = Cleanup::watching()?;
    let shown = Stage::set(workspace, &built.binary, &cleanup).and_then(|stage| {
        let mut show = Show::new(&stage);
        show.play()?;
        Ok((show.verdict(), stage))
    });
    match shown {
        Ok((passed, stage)) if keep => {
            stage.leave_running()?;
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
