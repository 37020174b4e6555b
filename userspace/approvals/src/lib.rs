//! People's say: statements that wait for somebody, and access that somebody gave for a while.
//!
//! The [`Desk`] takes a [`Petition`](interdict_policy::Petition) from a session and answers with a
//! [`Ruling`](interdict_policy::Ruling); between the two, people are shown it ([`Approval`]) and decide. The [`Store`] has the
//! grants and the snapshot of them that sessions read. Both write to the audit first: what is not on record is not so.

mod about;
mod approval;
mod asking;
mod desk;
mod error;
mod person;
mod store;
#[cfg(test)]
mod testkit;
mod webhook;

pub use about::About;
pub use approval::{Approval, State, Vote};
pub use asking::Asking;
pub use desk::{Bounds, Desk, Notice, Say};
pub use error::Refused;
pub use person::Person;
pub use store::{Listed, NewGrant, Store, Until};
pub use webhook::{Form, HttpsClient, SendError, Sender, Webhook, https_client, listen};

/// Microseconds since the Unix epoch.
fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
