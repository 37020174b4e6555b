//! The token of somebody who logs in (OpenID Connect Core, section 3.1.3.7).

use std::collections::BTreeMap;

use crate::token::{Expected, KeySet, verify};

/// What is asked of a login's token.
#[derive(Clone, Copy, Debug)]
pub struct LoginExpected<'a> {
    /// The claim `iss`, to the letter.
    pub issuer: &'a str,
    /// The claim `aud` has it, and `azp` is it where there is one.
    pub client_id: &'a str,
    /// The claim `nonce`, which whoever began the login made up.
    pub nonce: &'a str,
}

/// What a sound token says of who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The claim `sub`.
    pub subject: String,
    /// All claims, flat: `groups[dba]` = `true`.
    pub claims: BTreeMap<String, String>,
}

/// Verifies the token of a login with the issuer's keys (a JWKS); `now` in seconds since the Unix epoch.
///
/// # Errors
/// It proves nothing, and why. Nothing of the token is in the text but what its header and issuer name.
pub fn verify_login(
    token: &str,
    keys: &str,
    expected: &LoginExpected<'_>,
    now: i64,
) -> Result<LoggedIn, String> {
    let keys = KeySet::parse(keys).map_err(|why| format!("the issuer's keys: {why}"))?;
    let asked = Expected {
        issuer: expected.issuer.to_owned(),
        audience: vec![expected.client_id.to_owned()],
    };
    let verified = verify(token, &keys, &asked, now).map_err(|error| format!("its token: {error}"))?;
    let claim = |name: &str| verified.claims.get(name).map(String::as_str);
    if claim("nonce") != Some(expected.nonce) {
        return Err("its token: it is of another login".to_owned());
    }
    if claim("azp").is_some_and(|party| party != expected.client_id) {
        return Err("its token: it is for another application".to_owned());
    }
    Ok(LoggedIn {
        subject: verified.subject,
        claims: verified.claims,
    })
}
