//! What a request is shown the service with, in place of what the client sent.

mod echo;
mod sigv4;

use std::sync::Arc;

use interdict_record::Micros;
use zeroize::Zeroizing;

pub use echo::Echo;

use super::exchange::Forward;
use crate::credentials::Secret;
use crate::refusal::NotLoggedIn;

/// What a service is shown.
#[derive(Clone, Debug)]
pub enum Shown {
    /// A field of the head.
    Field {
        /// Its name.
        name: Arc<str>,
        /// Its whole value.
        value: Secret,
    },
    /// A signature of the request by AWS's version 4.
    Signature(AwsKeys),
}

/// What requests to AWS are signed with.
#[derive(Clone, Debug)]
pub struct AwsKeys {
    /// The key's name, which is no secret.
    pub access_key_id: Secret,
    /// The key.
    pub secret_access_key: Secret,
    /// What goes with temporary keys.
    pub session_token: Option<Secret>,
    /// `None`: as the client's own signature has it.
    pub region: Option<Arc<str>>,
    /// The service's name in signatures, such as `s3`; `None`: as the client's own has it.
    pub service: Option<Arc<str>>,
}

impl Shown {
    /// Puts it in a request, and takes out what the client sent to be let in by. `tls`: the service's side has it.
    ///
    /// # Errors
    /// It can't be, for a reason that the client is told.
    pub fn put(&self, forward: &mut Forward, now: Micros, tls: bool) -> Result<(), NotLoggedIn<'static>> {
        if forward.head.method == "TRACE" {
            // Its answer is the request, credentials and all (RFC 9110, section 9.3.8).
            return Err(NotLoggedIn::Unsigned {
                why: "TRACE is answered with the request, which has credentials in it that are not yours",
                instead: "use another method",
            });
        }
        let claimed = sigv4::claimed(&forward.head.headers);
        for name in ["Authorization", "Proxy-Authorization"] {
            take_out(forward, name);
        }
        match self {
            Self::Field { name, value } => {
                take_out(forward, name);
                // What comes back compressed could not be looked through for it.
                let plain = forward.head.headers.set("Accept-Encoding", "identity");
                let put = forward
                    .head
                    .headers
                    .set(name.as_bytes().to_vec(), value.reveal().to_vec());
                plain.and(put).map_err(|_| NotLoggedIn::Unsigned {
                    why: "the credentials for it can't be written in a field",
                    instead: "the operator finds them in the settings: credentials of the service",
                })
            }
            Self::Signature(keys) => sigv4::sign(forward, keys, claimed, now, tls),
        }
    }

    /// What must not come back to the client.
    pub fn echo(&self) -> Echo {
        match self {
            Self::Field { value, .. } => {
                let value = value.reveal();
                // A scheme is no secret: what is after it is.
                let bare = value.splitn(2, |byte| *byte == b' ').last().unwrap_or(value);
                Echo::new(vec![Zeroizing::new(bare.to_vec())])
            }
            Self::Signature(keys) => {
                let secret = [Some(&keys.secret_access_key), keys.session_token.as_ref()];
                let of = |secret: &Secret| Zeroizing::new(secret.reveal().to_vec());
                Echo::new(secret.into_iter().flatten().map(of).collect())
            }
        }
    }
}

/// Takes a field out, also under the names that some servers take for the same: with `_` for `-`.
fn take_out(forward: &mut Forward, name: &str) {
    let alike = |found: &[u8]| {
        found.len() == name.len()
            && found
                .iter()
                .zip(name.bytes())
                .all(|(a, b)| a.eq_ignore_ascii_case(&b) || (*a == b'_' && b == b'-'))
    };
    forward.head.headers.retain(|found, _| !alike(found));
}

#[cfg(test)]
mod tests;
