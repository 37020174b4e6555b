//! When the truth of a condition over a growing result can change.
//!
//! A condition that compares `result.rows` and `result.bytes` only with integers changes its truth only where a count
//! passes one of them, so between those points the pump need not ask.

use super::plan::{Count, Order, Plan};
use super::variable::Variable;

/// How often to ask when the points cannot be told.
const ROWS: u64 = 1000;
const BYTES: u64 = 1 << 20;

/// When to evaluate a condition again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Counts at which the truth may change, ascending.
    At { rows: Vec<u64>, bytes: Vec<u64> },
    /// Not known.
    Anywhere,
}

impl Changes {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut points = Points::default();
        if !points.collect(plan) {
            return Self::Anywhere;
        }
        // Nothing is asked before the first row unless the condition may hold of so little.
        if at_start(plan) != Some(false) {
            points.rows.push(1);
        }
        let Points { mut rows, mut bytes } = points;
        for counts in [&mut rows, &mut bytes] {
            counts.sort_unstable();
            counts.dedup();
        }
        Self::At { rows, bytes }
    }

    /// The least row count beyond `rows` at which to ask.
    pub(crate) fn rows_after(&self, rows: u64) -> u64 {
        match self {
            Self::At { rows: points, .. } => next(points, rows),
            Self::Anywhere if rows == 0 => 1,
            Self::Anywhere => (rows / ROWS + 1).saturating_mul(ROWS),
        }
    }

    /// The least byte count beyond `bytes` at which to ask.
    pub(crate) fn bytes_after(&self, bytes: u64) -> u64 {
        match self {
            Self::At { bytes: points, .. } => next(points, bytes),
            Self::Anywhere => (bytes / BYTES + 1).saturating_mul(BYTES),
        }
    }
}

fn next(points: &[u64], count: u64) -> u64 {
    points
        .iter()
        .copied()
        .find(|point| *point > count)
        .unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Points {
    rows: Vec<u64>,
    bytes: Vec<u64>,
}

impl Points {
    /// False: there is a use of the counts that cannot be seen through.
    fn collect(&mut self, plan: &Plan) -> bool {
        match plan {
            Plan::And(a, b) | Plan::Or(a, b) => self.collect(a) && self.collect(b),
            Plan::Not(inner) => self.collect(inner),
            Plan::Cel { variables, .. } => !variables.contains(Variable::Result),
            Plan::Count { of, by, than } => {
                self.add(*of, *by, *than);
                true
            }
            Plan::AnyEffect(_)
            | Plan::AnyRelation(_)
            | Plan::Complete
            | Plan::Constant(_)
            | Plan::Text { .. } => true,
        }
    }

    fn add(&mut self, of: Count, by: Order, than: i64) {
        let points = match of {
            Count::Bytes => &mut self.bytes,
            Count::Rows => &mut self.rows,
        };
        let (here, beyond) = match by {
            Order::GreaterOrEqual | Order::Less => (true, false),
            Order::Greater | Order::LessOrEqual => (false, true),
            Order::Equal | Order::NotEqual => (true, true),
        };
        // A count is never negative, and below 1 nothing has been sent.
        let point = |value: Option<i64>| {
            value
                .and_then(|value| u64::try_from(value).ok())
                .filter(|value| *value > 0)
        };
        points.extend(point(here.then_some(than)));
        points.extend(point(if beyond { than.checked_add(1) } else { None }));
    }
}

/// The truth before anything is sent, as far as the counts decide it.
fn at_start(plan: &Plan) -> Option<bool> {
    match plan {
        Plan::And(a, b) => match (at_start(a), at_start(b)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Plan::Or(a, b) => match (at_start(a), at_start(b)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Plan::Not(inner) => at_start(inner).map(|value| !value),
        Plan::Constant(value) => Some(*value),
        Plan::Count { by, than, .. } => Some(by.holds(0, *than)),
        Plan::AnyEffect(_) | Plan::AnyRelation(_) | Plan::Cel { .. } | Plan::Complete | Plan::Text { .. } => {
            None
        }
    }
}
