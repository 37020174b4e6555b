//! OpenID Connect: the authorization code flow with PKCE (RFC 7636), bound to the browser that began it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use interdict_approvals::Person;

use super::pages::VIA;
use super::{digest, secret};
use crate::{Kind, Refusal};

/// How long somebody may take at the issuer's.
const LIFETIME: Duration = Duration::from_mins(10);
/// Logins under way. More than that are a flood: the oldest go.
const MOST: usize = 1_000;

/// An issuer that people log in with.
pub trait Issuer: Send + Sync {
    /// What the login page calls it.
    fn name(&self) -> &str;

    /// Where a browser is sent, with these parameters added to what the issuer wants.
    fn begin<'a>(
        &'a self,
        begun: &'a Begun,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>>;

    /// Redeems a code. The token's signature, issuer, audience, time and nonce are checked.
    fn finish<'a>(
        &'a self,
        code: &'a str,
        begun: &'a Begun,
    ) -> Pin<Box<dyn Future<Output = Result<Claims, String>> + Send + 'a>>;
}

/// What an issuer says of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The issuer, to the letter.
    pub issuer: String,
    /// Who, at that issuer.
    pub subject: String,
    /// The address, where the issuer has verified it.
    pub email: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
}

/// A login under way.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Comes back with the browser.
    pub state: String,
    /// Comes back in the token.
    pub nonce: String,
    /// Comes back to the issuer with the code; of it, the browser carries the digest only.
    pub verifier: String,
    /// Where the browser comes back to.
    pub redirect: String,
    /// What the browser that began it shows.
    browser: [u8; 32],
    /// Where it wanted to go.
    pub(crate) next: String,
    at: Instant,
}

impl Begun {
    /// The verifier's digest (`S256`).
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&self.verifier))
    }
}

impl Claims {
    pub(crate) fn person(self) -> Person {
        let subject = format!("oidc:{}/{}", self.issuer, self.subject);
        // Something without `@` would look like a user of this host.
        let email = self.email.filter(|email| {
            email.contains('@') && !email.chars().any(|c| c.is_control() || c.is_whitespace())
        });
        Person {
            name: email.clone().unwrap_or_else(|| subject.clone()),
            subject: Some(subject),
            email,
            claimed_groups: self.groups,
            via: VIA.to_owned(),
            ..Person::default()
        }
    }
}

/// Logins under way, by the digest of their state.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<HashMap<[u8; 32], Begun>>);

impl Pending {
    /// The login, and what its browser is given to keep.
    pub(crate) fn begin(&self, redirect: String, next: String) -> Result<(Begun, String), Refusal> {
        let browser = secret()?;
        let begun = Begun {
            state: secret()?,
            nonce: secret()?,
            verifier: secret()?,
            redirect,
            browser: digest(&browser),
            next,
            at: Instant::now(),
        };
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, begun| begun.at.elapsed() < LIFETIME);
        if pending.len() >= MOST
            && let Some(oldest) = pending
                .iter()
                .min_by_key(|(_, begun)| begun.at)
                .map(|(key, _)| *key)
        {
            pending.remove(&oldest);
        }
        pending.insert(digest(&begun.state), begun.clone());
        Ok((begun, browser))
    }

    /// The login that a browser comes back from; over with that.
    pub(crate) fn take(&self, state: &str, browser: &str) -> Result<Begun, Refusal> {
        let no = || {
            Refusal::new(
                Kind::NotPermitted,
                "this login was not begun by this browser, took longer than ten minutes, or is over already: begin again",
            )
        };
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = digest(state);
        let begun = pending.get(&key).ok_or_else(no)?;
        if begun.browser != digest(browser) || begun.at.elapsed() >= LIFETIME {
            return Err(no());
        }
        pending.remove(&key).ok_or_else(no)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_comes_back_once_to_the_browser_that_began_it() {
        let pending = Pending::default();
        let (begun, browser) = pending.begin("r".to_owned(), "/".to_owned()).unwrap();
        let (other, _) = pending.begin("r".to_owned(), "/".to_owned()).unwrap();
        assert!(pending.take("forged", &browser).is_err());
        // Somebody else's login, put into this browser.
        assert!(pending.take(&other.state, &browser).is_err());
        assert!(pending.take(&begun.state, "").is_err());
        assert_eq!(pending.take(&begun.state, &browser).unwrap().nonce, begun.nonce);
        assert!(pending.take(&begun.state, &browser).is_err());
        assert_ne!(begun.challenge(), begun.verifier);
    }

    #[test]
    fn a_flood_of_logins_takes_no_more_room() {
        let pending = Pending::default();
        for _ in 0..MOST * 2 {
            pending.begin(String::new(), String::new()).unwrap();
        }
        assert_eq!(pending.0.lock().unwrap().len(), MOST);
    }

    #[test]
    fn nobody_is_called_like_a_user_of_this_host() {
        let claims = |email: Option<&str>| Claims {
            issuer: "https://id.example".to_owned(),
            subject: "7".to_owned(),
            email: email.map(str::to_owned),
            groups: Vec::new(),
        };
        assert_eq!(claims(None).person().name, "oidc:https://id.example/7");
        assert_eq!(claims(Some("root")).person().name, "oidc:https://id.example/7");
        assert_eq!(claims(Some("root")).person().email, None);
        assert_eq!(claims(Some("ada@example.org")).person().name, "ada@example.org");
    }
}
