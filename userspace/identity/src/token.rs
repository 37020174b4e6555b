//! What a token proves: signature, issuer, audience, time. Bytes, keys and the time go in, claims come out.

mod claims;
mod keys;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use jsonwebtoken::{Header, TokenData, Validation, decode_header};
use serde_json::{Map, Value};

pub(crate) use self::keys::KeySet;

/// Bytes above which a token is not read: those of the large identity providers have some 2 KiB.
pub(crate) const LONGEST: usize = 16 << 10;
/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 30;
/// Bytes of a subject above which it is none (OpenID Connect Core, section 2).
const LONGEST_SUBJECT: usize = 255;

/// What is asked of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) issuer: String,
    /// Any of these.
    pub(crate) audience: Vec<String>,
}

/// What a sound token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) subject: String,
    /// By dotted name; see `claims`.
    pub(crate) claims: BTreeMap<String, String>,
    /// The uid of the pod that it was made for, where it is a service account's.
    pub(crate) pod_uid: Option<String>,
    /// Seconds since the Unix epoch.
    expires: i64,
    not_before: Option<i64>,
}

/// Why a token proves nothing. Nothing of the token is in the texts but what its header and issuer name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it is no signed token, or names no algorithm for signatures with public keys")]
    Form,
    #[error("its algorithm {0} is not accepted: signatures are made with a private key")]
    Algorithm(String),
    #[error("it was signed with the key `{}`, which the issuer does not have", .0.escape_debug())]
    UnknownKey(String),
    #[error("its signature is not the issuer's")]
    Forged,
    #[error("it was issued by {0}")]
    Issuer(String),
    #[error("it is for another audience")]
    Audience,
    #[error("it expired {0} s ago")]
    Expired(i64),
    #[error("it is not valid for another {0} s")]
    NotYet(i64),
    #[error("it has no {0} of the form that it must have")]
    Claim(&'static str),
}

impl TokenError {
    /// One word, for flags and the record.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_large",
            Self::Form | Self::Claim(_) => "malformed",
            Self::Algorithm(_) => "algorithm",
            Self::UnknownKey(_) => "unknown_key",
            Self::Forged => "forged",
            Self::Issuer(_) => "issuer",
            Self::Audience => "audience",
            Self::Expired(_) => "expired",
            Self::NotYet(_) => "not_yet",
        }
    }
}

/// Verifies a token; `now` in seconds since the Unix epoch.
pub(crate) fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expected,
    now: i64,
) -> Result<Verified, TokenError> {
    if token.len() > LONGEST {
        return Err(TokenError::TooLong);
    }
    let header = decode_header(token).map_err(|_| TokenError::Form)?;
    let claims = signed(token, &header, keys)?;
    if text(&claims, "iss") != Some(&expected.issuer) {
        let named = text(&claims, "iss").map_or("nobody".to_owned(), |issuer| {
            format!(
                "`{}`",
                issuer.chars().take(200).collect::<String>().escape_debug()
            )
        });
        return Err(TokenError::Issuer(named));
    }
    if !audience(&claims).any(|one| expected.audience.iter().any(|wanted| wanted == one)) {
        return Err(TokenError::Audience);
    }
    let subject = text(&claims, "sub")
        .filter(|subject| {
            (1..=LONGEST_SUBJECT).contains(&subject.len()) && !subject.chars().any(char::is_control)
        })
        .ok_or(TokenError::Claim("`sub`"))?;
    let pod_uid = claims
        .get("kubernetes.io")
        .and_then(|kubernetes| kubernetes.get("pod")?.get("uid")?.as_str());
    let verified = Verified {
        subject: subject.to_owned(),
        pod_uid: pod_uid.map(str::to_owned),
        expires: time(&claims, "exp")?.ok_or(TokenError::Claim("`exp`"))?,
        not_before: time(&claims, "nbf")?,
        claims: claims::flat(&claims)?,
    };
    verified.holds_at(now)?;
    Ok(verified)
}

impl Verified {
    /// Whether it holds now; also asked of tokens that were verified earlier.
    pub(crate) fn holds_at(&self, now: i64) -> Result<(), TokenError> {
        let over = now.saturating_sub(self.expires);
        if over >= LEEWAY {
            return Err(TokenError::Expired(over));
        }
        let early = self.not_before.map_or(0, |from| from.saturating_sub(now));
        if early > LEEWAY {
            return Err(TokenError::NotYet(early));
        }
        Ok(())
    }
}

/// The claims, if one of the issuer's keys signed them.
fn signed(token: &str, header: &Header, keys: &KeySet) -> Result<Map<String, Value>, TokenError> {
    let (algorithm, name) = (header.alg, format!("{:?}", header.alg));
    if !keys::ACCEPTED.contains(&algorithm) {
        return Err(TokenError::Algorithm(name));
    }
    // What has to be understood and is not (RFC 7515, section 4.1.11).
    if header.crit.is_some() {
        return Err(TokenError::Form);
    }
    let mut validation = Validation::new(algorithm);
    // Time, issuer and audience are asked for here, by the time that was given.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let mut candidates = keys.candidates(header.kid.as_deref(), algorithm).peekable();
    if candidates.peek().is_none() {
        return Err(TokenError::UnknownKey(
            header.kid.as_deref().unwrap_or("").chars().take(100).collect(),
        ));
    }
    let mut outcome = Err(TokenError::Forged);
    for key in candidates {
        match jsonwebtoken::decode::<Value>(token, key, &validation) {
            Ok(TokenData {
                claims: Value::Object(claims),
                ..
            }) => return Ok(claims),
            Ok(_) => outcome = Err(TokenError::Form),
            Err(error) => {
                if let jsonwebtoken::errors::ErrorKind::Json(_)
                | jsonwebtoken::errors::ErrorKind::Utf8(_)
                | jsonwebtoken::errors::ErrorKind::Base64(_) = error.kind()
                {
                    outcome = Err(TokenError::Form);
                }
            }
        }
    }
    outcome
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a String> {
    match claims.get(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// One or several (RFC 7519, section 4.1.3).
fn audience(claims: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let (one, several) = match claims.get("aud") {
        Some(Value::String(one)) => (Some(one.as_str()), &[][..]),
        Some(Value::Array(several)) => (None, several.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(several.iter().filter_map(Value::as_str))
}

/// Seconds since the Unix epoch, perhaps with a fraction (RFC 7519, section 2).
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, TokenError> {
    let malformed = TokenError::Claim(if name == "exp" { "`exp`" } else { "`nbf`" });
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => number
            .as_i64()
            .or_else(|| {
                let seconds = number.as_f64()?;
                (seconds.abs() < 1e15).then_some(seconds as i64)
            })
            .map(Some)
            .ok_or(malformed),
        Some(_) => Err(malformed),
    }
}
