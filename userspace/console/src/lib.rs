//! The console: what the daemon knows, as pages for people.
//!
//! Server-rendered HTML with one style sheet and one script of its own; nothing is fetched from elsewhere, and nothing inline is
//! run. The room knows neither sockets of the proxy nor the kernel: what is live it asks an [`Office`], what is past it reads from the
//! record's directory. Who may come in is settled before a page is made: by a one-time address that the admin socket gave, by OpenID
//! Connect, or by a client certificate; what they may do then is their [`Role`].

mod assets;
mod config;
mod guard;
mod login;
mod office;
mod pages;
mod role;
mod serve;
mod shown;
mod verify;

use std::sync::Arc;

pub use config::{Config, Lifetimes, SetupError};
pub use login::oidc::{Begun, Claims, Issuer};
pub use office::{Answer, Kind, Office, PolicyInForce, Quarantined, Question, Refusal, Status};
pub use role::{Role, Roles, Visitor};
pub use serve::serve;

use interdict_approvals::Person;
use interdict_audit::Browser;

/// The console's state, shared by all requests.
pub struct Console {
    config: Config,
    office: Arc<dyn Office>,
    browser: Browser,
    sessions: login::sessions::Sessions,
    tickets: login::tickets::Tickets,
    attempts: login::limit::Attempts,
    pending: login::oidc::Pending,
    verification: verify::Verification,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("listen", &self.config.listen)
            .finish_non_exhaustive()
    }
}

impl Console {
    /// A console that nobody listens for yet: see [`serve()`]. `record` is the audit's directory.
    pub fn new(config: Config, office: Arc<dyn Office>, record: &std::path::Path) -> Self {
        Self {
            sessions: login::sessions::Sessions::new(config.lifetimes),
            config,
            office,
            browser: Browser::new(record),
            tickets: login::tickets::Tickets::default(),
            attempts: login::limit::Attempts::default(),
            pending: login::oidc::Pending::default(),
            verification: verify::Verification::default(),
        }
    }

    /// An address that lets this person in, once, within a minute. Whoever calls this has made sure who they are.
    ///
    /// # Errors
    /// They have no role in the console, or too many addresses were given out and not used.
    pub fn ticket(&self, mut person: Person) -> Result<String, Refusal> {
        let name = person.name.clone();
        login::pages::VIA.clone_into(&mut person.via);
        let role = self.config.roles.of(&person).ok_or_else(|| {
            Refusal::new(
                Kind::NotPermitted,
                format!("{name} has no role in the console: `admin.console.roles` names who has one"),
            )
        })?;
        let ticket = self.tickets.issue(Visitor::new(person, role))?;
        Ok(format!("{}/login/once?ticket={ticket}", self.config.url()))
    }
}
