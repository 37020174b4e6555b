//! Who is in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{digest, secret};
use crate::config::Lifetimes;
use crate::{Kind, Refusal, Visitor};

/// Logins at once.
const MOST: usize = 1_000;

/// Logins, by the digest of their cookie.
#[derive(Debug)]
pub(crate) struct Sessions {
    lifetimes: Lifetimes,
    open: Mutex<HashMap<[u8; 32], Login>>,
}

/// One login.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) visitor: Arc<Visitor>,
    /// What forms must bring back.
    pub(crate) token: String,
    /// The certificate that it was made with: it holds with that one alone.
    certificate: Option<[u8; 32]>,
    born: Instant,
    seen: Instant,
    /// What the next page tells.
    pub(crate) told: Option<Told>,
}

/// How something ended that somebody asked for.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) good: bool,
    pub(crate) text: String,
}

/// Whether being asked about counts as being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Somebody clicked.
    Person,
    /// The page asked by itself.
    Page,
}

impl Sessions {
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        Self {
            lifetimes,
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<[u8; 32], Login>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self, login: &Login) -> bool {
        login.born.elapsed() < self.lifetimes.whole && login.seen.elapsed() < self.lifetimes.idle
    }

    /// The cookie's value.
    pub(crate) fn begin(&self, visitor: Visitor, certificate: Option<[u8; 32]>) -> Result<String, Refusal> {
        let mut open = self.open();
        if open.len() >= MOST {
            open.retain(|_, login| self.holds(login));
        }
        if open.len() >= MOST {
            return Err(Refusal::new(
                Kind::TooMany,
                format!("{MOST} people are logged in already"),
            ));
        }
        let cookie = secret()?;
        let login = Login {
            visitor: Arc::new(visitor),
            token: secret()?,
            certificate,
            born: Instant::now(),
            seen: Instant::now(),
            told: None,
        };
        open.insert(digest(&cookie), login);
        Ok(cookie)
    }

    /// Who shows this cookie, on a connection with this certificate.
    pub(crate) fn find(&self, cookie: &str, certificate: Option<[u8; 32]>, used: Use) -> Option<Login> {
        let mut open = self.open();
        let key = digest(cookie);
        let login = open.get_mut(&key)?;
        if !self.holds(login) {
            open.remove(&key);
            return None;
        }
        if login.certificate.is_some() && login.certificate != certificate {
            return None;
        }
        let found = login.clone();
        if used == Use::Person {
            login.seen = Instant::now();
            login.told = None;
        }
        Some(found)
    }

    /// Has the next page tell something.
    pub(crate) fn tell(&self, cookie: &str, good: bool, text: &str) {
        if let Some(login) = self.open().get_mut(&digest(cookie)) {
            login.told = Some(Told {
                good,
                text: text.to_owned(),
            });
        }
    }

    pub(crate) fn end(&self, cookie: &str) {
        self.open().remove(&digest(cookie));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use interdict_approvals::Person;

    use super::*;
    use crate::Role;

    fn sessions(idle: u64, whole: u64) -> Sessions {
        Sessions::new(Lifetimes {
            idle: Duration::from_millis(idle),
            whole: Duration::from_millis(whole),
        })
    }

    fn visitor() -> Visitor {
        Visitor {
            person: Person::default(),
            role: Role::Viewer,
        }
    }

    fn wait(milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    #[test]
    fn a_login_ends_when_nobody_is_there_though_its_page_goes_on_asking() {
        let sessions = sessions(60, 10_000);
        let cookie = sessions.begin(visitor(), None).unwrap();
        for _ in 0..4 {
            wait(30);
            assert!(sessions.find(&cookie, None, Use::Person).is_some());
        }
        wait(30);
        assert!(sessions.find(&cookie, None, Use::Page).is_some());
        wait(40);
        assert!(sessions.find(&cookie, None, Use::Page).is_none());
    }

    #[test]
    fn a_login_ends_after_its_whole_time_and_when_told() {
        let sessions = sessions(10_000, 80);
        let cookie = sessions.begin(visitor(), None).unwrap();
        wait(40);
        assert!(sessions.find(&cookie, None, Use::Person).is_some());
        wait(50);
        assert!(sessions.find(&cookie, None, Use::Person).is_none());
        let cookie = sessions.begin(visitor(), None).unwrap();
        sessions.end(&cookie);
        assert!(sessions.find(&cookie, None, Use::Person).is_none());
        assert!(sessions.find("", None, Use::Person).is_none());
    }

    #[test]
    fn a_login_by_certificate_is_worth_nothing_without_it() {
        let sessions = sessions(10_000, 10_000);
        let cookie = sessions.begin(visitor(), Some([1; 32])).unwrap();
        assert!(sessions.find(&cookie, Some([1; 32]), Use::Person).is_some());
        assert!(sessions.find(&cookie, Some([2; 32]), Use::Person).is_none());
        assert!(sessions.find(&cookie, None, Use::Person).is_none());
    }
}
