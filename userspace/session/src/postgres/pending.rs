//! What the server still owes an answer to, in the order in which it will answer.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_masking::postgres::copy::{Layout, Rewriter};
use interdict_policy::{Decision, ResultWatch};
use uuid::Uuid;

use super::aside::Aside;
use super::names::Change;
use super::opinion::{CopyAsked, Shown};
use super::result::Plan;
use crate::refusal::Refusal;
use crate::session::{Carrying, HeldResult, Portion, Tally};

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
        /// What its rows could show, if they are planned by this description.
        carrying: Option<Carrying>,
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
    /// What of its result could show one.
    pub(super) carrying: Carrying,
    /// Its rows are shown only by a plan.
    pub(super) planned: bool,
    pub(super) ddl: bool,
    /// What is done to its rows, once they are described.
    pub(super) plan: Option<Arc<Shown>>,
    pub(super) watch: Option<ResultWatch>,
    /// The result of which it sends a portion, and how much was sent of that before.
    pub(super) portion: Option<(String, Portion)>,
    /// What a person is shown if its result has to wait.
    pub(super) held_result: Option<Box<HeldResult>>,
    /// A rule about the result's size ended it.
    pub(super) stopped: Option<(Decision, Refusal)>,
    /// How the rows of a COPY are shown.
    pub(super) copied: Option<Arc<Plan>>,
    /// What rewrites them.
    pub(super) rewriter: Option<Box<Rewriter>>,
    /// The form of the rows, if it is a COPY whose fields can be told apart.
    pub(super) layout: Option<Layout>,
    /// COPY data that others are asked about.
    pub(super) copy_asked: Option<Box<CopyAsked>>,
    /// SQLSTATE of the error that a function call ended with.
    pub(super) failed: Option<String>,
    pub(super) tally: Tally,
}
