//! The policy language: reading it, checking it, and deciding by it.
//!
//! A [`PolicySet`] is an immutable snapshot of all policy files. [`PolicySet::effective`] says which of them apply to a
//! session, and [`Effective`] answers every question that an engine has: what to do with a statement
//! ([`Effective::decide`]), which columns to mask, what to look for in texts, what to ask while a result streams
//! ([`ResultWatch`]). What cannot be answered is refused.
//!
//! The crate knows what statements do and how values are masked, and nothing of protocols, sockets or clocks.

mod applies;
mod compile;
mod condition;
mod diagnostic;
mod digest;
mod document;
mod effective;
mod explain;
mod grant;
mod opinion;
mod pattern;
mod petition;
mod place;
mod policy;
mod replay;
mod request;
mod schema;
mod set;
mod strict;
mod testing;
#[cfg(test)]
mod testkit;
mod watch;
mod words;

pub use applies::{IdentityGlob, NameGlob};
pub use compile::KeySource;
pub use diagnostic::Diagnostic;
pub use document::{Lengths, Literals, Predicates, UnknownContent};
pub use effective::{ColumnMask, Effective};
pub use explain::{
    ExplainedMask, ExplainedPolicy, ExplainedRule, ExplainedSubject, Explanation, Outcome, explain,
};
pub use grant::{Grant, GrantError, Granted, Grants};
pub use opinion::{OnFailure, Opinion};
pub use petition::{Petition, Ruling};
pub use policy::ProbeBudget;
pub use replay::{Recorded, Replayed};
pub use request::{Decision, HoldMode, HoldSpec, HttpRequest, Identity, Request, Verdict};
pub use schema::schema;
pub use set::{PolicySet, PolicySource};
pub use testing::{TestResult, run_tests};
pub use watch::ResultWatch;
