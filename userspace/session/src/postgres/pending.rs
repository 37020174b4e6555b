//! What the server still owes an answer to, in the order in which it will answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_policy::{Decision, ResultWatch};
use interdict_record::{Column, Micros};
use uuid::Uuid;

use super::aside::Aside;
use super::names::Change;
use super::refusal::Refusal;
use super::result::Plan;

/// One outstanding answer.
#[derive(Debug)]
pub(super) enum Pending {
    Parse {
        change: Change,
        sensitive: bool,
    },
    Bind {
        change: Change,
        sensitive: bool,
    },
    Close {
        change: Change,
    },
    DescribeStatement,
    /// `ours`: asked by the engine to learn the result's columns; the client must not see the answer.
    DescribePortal {
        portal: Bytes,
        ours: bool,
    },
    Execute {
        portal: Bytes,
        run: Box<Run>,
    },
    Query {
        runs: VecDeque<Run>,
        change: Change,
    },
    Call {
        run: Box<Run>,
    },
    Sync,
    /// The engine's own answer, given when it comes to the front. `ready`: a ReadyForQuery follows it.
    Refusal {
        error: BytesMut,
        ready: bool,
    },
    /// A message was sent that the server must fail on, so that it undoes what ran before in the same implicit
    /// transaction; the client is given `error` instead.
    Abort {
        error: BytesMut,
    },
    /// The engine's own question.
    Aside(Box<Aside>),
}

impl Pending {
    /// The change it brings, if the server accepts it.
    pub(super) fn change(&self) -> Option<&Change> {
        match self {
            Self::Parse { change, .. }
            | Self::Bind { change, .. }
            | Self::Close { change }
            | Self::Query { change, .. } => Some(change),
            _ => None,
        }
    }
}

/// A statement that the server is running or will run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) statement_id: Uuid,
    /// Whether masked values may be within reach of its result, so that its error texts are withheld.
    pub(super) sensitive: bool,
    /// Every output column is to be masked, because the policy says so of what cannot be analysed.
    pub(super) mask_all: bool,
    /// Columns without an origin could carry a masked value.
    pub(super) carries: bool,
    /// Its rows are shown only by a plan.
    pub(super) planned: bool,
    pub(super) ddl: bool,
    /// What is done to its rows, once they are described.
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) watch: Option<ResultWatch>,
    /// A rule about the result's size ended it.
    pub(super) stopped: Option<(Decision, Refusal)>,
    /// How COPY data is treated.
    pub(super) copy: Option<CopyOut>,
    /// SQLSTATE of the error that a function call ended with.
    pub(super) failed: Option<String>,
    pub(super) tally: Tally,
}

/// What is done to COPY data on its way to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyOut {
    Pass,
    /// Detectors look at text and CSV rows.
    Detect,
    /// Detectors look at the fields of binary rows.
    DetectBinary,
}

/// What is counted while a result passes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) first_byte_at: Option<Micros>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) masked_cells: u64,
    pub(super) masked_by: BTreeMap<String, u64>,
    pub(super) columns: Vec<Column>,
}
