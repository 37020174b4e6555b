//! People elsewhere: they are told over HTTP, and may answer over HTTP.

mod answer;
mod client;
mod form;
mod listen;
mod send;
mod sign;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use self::client::{HttpsClient, https_client};
pub use self::listen::listen;
pub use self::send::{SendError, Sender};

/// Somebody to tell, and to hear from.
#[derive(Clone)]
pub struct Webhook {
    /// Its name: `webhook:NAME` among approvers is whoever speaks through it.
    pub name: String,
    /// Where it is told, `http` or `https`.
    pub url: http::Uri,
    /// How it is told and how it answers.
    pub form: Form,
    /// What both ends sign with.
    pub secret: Vec<u8>,
    /// Whether it is told of what somebody has to decide.
    pub on_requested: bool,
    /// Whether it is told of what was decided.
    pub on_decided: bool,
    /// Whom its people are on this host, by what it calls them: so that nobody decides about their own there either.
    pub people: BTreeMap<String, String>,
}

/// How a webhook is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Our own JSON.
    #[default]
    Json,
    /// Slack's messages, and what its buttons send.
    Slack,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Slack's URLs are secrets.
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// Seconds since the Unix epoch.
fn seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}
