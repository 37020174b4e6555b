//! The demo with HTTP: curl and boto3 against a clinic's API, S3 and DynamoDB.

mod scenes;
mod services;
mod stage;

use std::path::Path;

use anyhow::Result;

use self::scenes::Show;
use self::stage::Stage;
use crate::cleanup::Cleanup;
use crate::workspace::Workspace;

/// Shows it; whether all that it claims was so, and how to leave it running.
pub(super) fn show(
    workspace: &Workspace,
    binary: &Path,
    cleanup: &Cleanup,
) -> Result<(bool, impl FnOnce() -> Result<()>)> {
    let stage = Stage::set(workspace, binary, cleanup)?;
    let mut show = Show::new(&stage);
    show.play()?;
    Ok((show.verdict(), move || stage.leave_running()))
}
