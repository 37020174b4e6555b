//! Who logs in to a service: the client with what it has, or the proxy in its place.

pub(crate) mod http;
pub(crate) mod mysql;
pub(crate) mod postgres;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use interdict_policy::{Identity, IdentityGlob};
use interdict_record::{Event, Record, SessionDescribed};
use interdict_session::{NotLoggedIn, Secret};

use self::http::HttpCredential;
use crate::connection::{Connection, ServeError};
use crate::elsewhere::Elsewhere;
use crate::secret::{Kept, SecretError};
use crate::{Proxy, now};

/// Whose credentials a service gets.
#[derive(Debug, Default)]
pub enum Credentials {
    /// The client's own.
    #[default]
    Pass,
    /// The proxy's; of several the first whose identities match.
    Inject(Vec<Injected>),
}

/// What the proxy shows a service in place of some clients.
#[derive(Debug)]
pub struct Injected {
    /// Whom it is for; empty: everybody.
    pub identities: Vec<IdentityGlob>,
    /// What is shown.
    pub shown: Shown,
}

/// What a service is shown.
#[derive(Debug)]
pub enum Shown {
    /// A database: a user and a password.
    Login(ServiceLogin),
    /// A service of HTTP.
    Http(HttpCredential),
}

impl Credentials {
    pub(crate) fn injects(&self) -> bool {
        matches!(self, Self::Inject(_))
    }

    /// Whether bodies of requests must be held to be signed.
    pub(crate) fn signs_bodies(&self) -> bool {
        let Self::Inject(all) = self else { return false };
        all.iter()
            .any(|one| matches!(&one.shown, Shown::Http(credential) if credential.signs_bodies()))
    }

    /// What is injected for somebody; `None`: nothing is there for them.
    fn of(&self, identity: &Identity) -> Option<&Injected> {
        let Self::Inject(all) = self else { return None };
        all.iter()
            .find(|one| one.identities.is_empty() || one.identities.iter().any(|glob| glob.matches(identity)))
    }
}

/// A user of a database and its password.
#[derive(Clone)]
pub struct ServiceLogin {
    user: Arc<str>,
    password: Option<Kept>,
}

impl ServiceLogin {
    /// `password`: `None` for a user that is not asked for one.
    pub fn new(user: &str, password: Option<Kept>) -> Self {
        Self {
            user: user.into(),
            password,
        }
    }

    pub(crate) fn user(&self) -> &Arc<str> {
        &self.user
    }

    /// The password as it is now.
    pub(crate) async fn password(&self, elsewhere: &Elsewhere) -> Result<Option<Secret>, SecretError> {
        match &self.password {
            Some(kept) => kept.get(elsewhere).await.map(Some),
            None => Ok(None),
        }
    }

    /// Another than the one that was refused, if there is by now.
    pub(crate) async fn instead_of(
        &self,
        refused: Option<&Secret>,
        elsewhere: &Elsewhere,
    ) -> Result<Option<Secret>, SecretError> {
        match (&self.password, refused) {
            (Some(kept), Some(refused)) => kept.instead_of(refused, elsewhere).await,
            _ => Ok(None),
        }
    }
}

/// Without the password.
impl fmt::Debug for ServiceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceLogin")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// What is injected for this caller; `None`: nothing is there for it.
    pub(crate) fn injected(&self) -> Option<&Injected> {
        self.service.credentials.of(&self.policy_identity())
    }

    /// The same where it is a user of a database.
    pub(crate) fn injected_login(&self) -> Option<&ServiceLogin> {
        match &self.injected()?.shown {
            Shown::Login(login) => Some(login),
            Shown::Http(_) => None,
        }
    }
}

impl Proxy {
    /// Puts on the record, and in the log, why the proxy did not log in for a client.
    pub(crate) async fn not_logged_in(
        &self,
        connection: &Connection,
        why: NotLoggedIn<'_>,
        user: Option<&str>,
        reason: String,
    ) -> Result<(), ServeError> {
        let service = &connection.service.name;
        let identity = &connection.identity.name;
        let (kind, what) = match why {
            NotLoggedIn::NoneForIt { .. } => ("credentials_none", "has no credentials for it".to_owned()),
            NotLoggedIn::Failed { .. } => (
                "credentials_failed",
                format!("can't be logged in to for it: {reason}"),
            ),
            NotLoggedIn::Role { .. } | NotLoggedIn::Unsigned { .. } => (
                "credentials_refused",
                format!("is not logged in to for it: {reason}"),
            ),
        };
        let message = format!(
            "{identity} was refused: the service {service} {what} (settings: credentials of the service)"
        );
        tracing::warn!(service, identity, user, "{message}");
        let detail = [
            ("service", Some(service.clone())),
            ("identity", Some(identity.clone())),
            ("session_id", Some(connection.session_id.to_string())),
            ("upstream", Some(connection.upstream.to_string())),
            ("user", user.map(str::to_owned)),
            ("reason", Some(reason).filter(|reason| !reason.is_empty())),
        ];
        let detail: BTreeMap<_, _> = detail
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect();
        let event = Event {
            at: now(),
            kind: kind.to_owned(),
            actor: "daemon".to_owned(),
            message,
            detail,
        };
        let mut records = vec![Record::Event(Box::new(event))];
        if let Some(user) = user {
            records.push(Record::SessionDescribed(Box::new(SessionDescribed {
                session_id: connection.session_id,
                db_user: Some(user.to_owned()),
                ..SessionDescribed::default()
            })));
        }
        self.audit.note(records).await?;
        Ok(())
    }
}
