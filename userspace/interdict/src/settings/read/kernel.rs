//! The `kernel` section.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::node::Node;
use super::super::problems::Problems;
use super::super::values::Span;
use super::super::{Existing, Kernel, KernelMode};
use super::one_word;

/// Below, a busy host would refuse by mistake; above, a hung daemon would be noticed too late.
const HEARTBEATS: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_mins(1);

pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Kernel> {
    let fields = problems.fields(node, "`kernel`", &["mode", "existing", "heartbeat"])?;
    let mut kernel = Kernel::default();
    if let Some(node) = fields.get("mode") {
        let modes = [
            ("enforce", KernelMode::Enforce),
            ("observe", KernelMode::Observe),
            ("off", KernelMode::Off),
        ];
        kernel.mode = one_word(node, &modes, problems)?;
    }
    if let Some(node) = fields.get("existing") {
        let ways = [("cut", Existing::Cut), ("leave", Existing::Leave)];
        kernel.existing = one_word(node, &ways, problems)?;
    }
    if let Some(node) = fields.get("heartbeat") {
        let Span(heartbeat) = problems.parse(node, "a duration such as 5s")?;
        if HEARTBEATS.contains(&heartbeat) {
            kernel.heartbeat = heartbeat;
        } else {
            problems.add(node.at, "expected a heartbeat from 2s to 1m");
        }
    }
    Some(kernel)
}
