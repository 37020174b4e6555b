//! `dist --check`: whether what was made does what it is for, and asks for no more than it says.

mod agent;
mod image;
mod kubernetes;
mod pod;
mod runc;
mod systemd;
mod tools;

use super::Made;
use crate::setup;
use crate::ui::stages::{Outcome, Stages};
use crate::workspace::Workspace;

/// Everything, whatever fails. Whether nothing did.
pub(super) fn run(workspace: &Workspace, made: &Made) -> bool {
    let mut stages = Stages::default();
    stages.run("what trying it needs", || {
        setup::for_dist(true)?;
        Ok(Outcome::Passed)
    });
    stages.run("systemd unit", || systemd::check(workspace, made));
    stages.run("Kubernetes manifest and chart", || {
        kubernetes::check(workspace, made)
    });
    stages.run("image under runc", || image::check(workspace, made));
    stages.print();
    stages.passed()
}
