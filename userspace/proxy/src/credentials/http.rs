//! Credentials in requests of HTTP.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use interdict_session::http::Forward;
use interdict_session::http::credentials::{AwsKeys, Echo, Shown as Put};
use interdict_session::{NotLoggedIn, Secret};
use interdict_wire::http::Headers;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Shown;
use crate::connection::{Connection, ServeError};
use crate::elsewhere::Elsewhere;
use crate::secret::{Kept, SecretError};
use crate::{Proxy, now};

/// What a service of HTTP is shown.
#[derive(Clone)]
pub enum HttpCredential {
    /// A field of the head.
    Field {
        /// Its name.
        name: Arc<str>,
        /// What its value begins with, such as `Bearer `.
        prefix: Arc<str>,
        /// The rest of the value.
        value: Kept,
    },
    /// A user and a password (RFC 7617).
    Basic {
        /// The user.
        user: Arc<str>,
        /// The password.
        password: Kept,
    },
    /// A signature of each request by AWS's version 4.
    SigV4 {
        /// What it is made with.
        keys: AwsSource,
        /// `None`: as the client's own signature has it.
        region: Option<Arc<str>>,
        /// The same.
        service: Option<Arc<str>>,
    },
}

/// Where AWS's keys come from.
#[derive(Clone)]
pub enum AwsSource {
    /// Each from a source of its own.
    Each {
        /// The key's name.
        access_key_id: Kept,
        /// The key.
        secret_access_key: Kept,
        /// What goes with temporary keys.
        session_token: Option<Kept>,
    },
    /// All in the form that AWS's tools take from a `credential_process`.
    Process(Kept),
}

/// Without secrets.
impl fmt::Debug for HttpCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { name, .. } => f.debug_tuple("Field").field(name).finish(),
            Self::Basic { user, .. } => f.debug_tuple("Basic").field(user).finish(),
            Self::SigV4 { region, service, .. } => {
                f.debug_tuple("SigV4").field(region).field(service).finish()
            }
        }
    }
}

/// What a `credential_process` prints (AWS CLI, "Sourcing credentials with an external process").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Process {
    version: u8,
    access_key_id: Zeroizing<String>,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

/// What was shown for one request.
#[derive(Debug)]
pub(crate) struct Injection {
    echo: Echo,
    /// What to fetch again should the service refuse it.
    fetched: Vec<(Kept, Secret)>,
    elsewhere: Elsewhere,
}

impl HttpCredential {
    /// Whether bodies must be held to be signed.
    pub(crate) fn signs_bodies(&self) -> bool {
        matches!(self, Self::SigV4 { service, .. } if service.as_deref() != Some("s3"))
    }

    async fn fetch(&self, elsewhere: &Elsewhere) -> Result<(Put, Vec<(Kept, Secret)>), SecretError> {
        let mut fetched = Vec::new();
        let mut get = async |kept: &Kept| {
            let secret = kept.get(elsewhere).await?;
            fetched.push((kept.clone(), secret.clone()));
            Ok(secret)
        };
        let put = match self {
            Self::Field { name, prefix, value } => Put::Field {
                name: Arc::clone(name),
                value: Secret::new(Zeroizing::new(
                    [prefix.as_bytes(), get(value).await?.reveal()].concat(),
                )),
            },
            Self::Basic { user, password } => {
                let pair = Zeroizing::new([user.as_bytes(), b":", get(password).await?.reveal()].concat());
                Put::Field {
                    name: "Authorization".into(),
                    value: Secret::new(Zeroizing::new([&b"Basic "[..], &base64(&pair)].concat())),
                }
            }
            Self::SigV4 {
                keys,
                region,
                service,
            } => {
                let mut made = match keys {
                    AwsSource::Each {
                        access_key_id,
                        secret_access_key,
                        session_token,
                    } => AwsKeys {
                        access_key_id: get(access_key_id).await?,
                        secret_access_key: get(secret_access_key).await?,
                        session_token: match session_token {
                            Some(token) => Some(get(token).await?),
                            None => None,
                        },
                        region: None,
                        service: None,
                    },
                    AwsSource::Process(kept) => process(&get(kept).await?)?,
                };
                made.region.clone_from(region);
                made.service.clone_from(service);
                Put::Signature(made)
            }
        };
        Ok((put, fetched))
    }
}

fn process(printed: &Secret) -> Result<AwsKeys, SecretError> {
    let read: Result<Process, _> = serde_json::from_slice(printed.reveal());
    // What is wrong with it is not told: that may quote it.
    let Some(process) = read.ok().filter(|read| read.version == 1) else {
        return Err(SecretError::new(
            "what should be AWS keys: it is not JSON with Version 1, AccessKeyId and SecretAccessKey",
        ));
    };
    let secret = |text: Zeroizing<String>| Secret::new(Zeroizing::new(text.as_bytes().to_vec()));
    Ok(AwsKeys {
        access_key_id: secret(process.access_key_id),
        secret_access_key: secret(process.secret_access_key),
        session_token: process.session_token.map(secret),
        region: None,
        service: None,
    })
}

/// Base64 with padding, in a buffer that is overwritten.
fn base64(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = base64::encoded_len(bytes.len(), true).unwrap_or_default();
    let mut out = Zeroizing::new(vec![0; length]);
    // It has just the room for it.
    let _ = STANDARD.encode_slice(bytes, &mut out);
    out
}

/// Puts the service's credentials in a request; `Ok(None)`: the client's own are to pass. `Err`: what the client is told instead, and
/// recorded already.
pub(crate) async fn inject(
    proxy: &Proxy,
    connection: &Connection,
    forward: &mut Forward,
    tls: bool,
) -> Result<Result<Option<Injection>, NotLoggedIn<'static>>, ServeError> {
    if !connection.service.credentials.injects() {
        return Ok(Ok(None));
    }
    let service = connection.service.name.as_str();
    let Some(Shown::Http(credential)) = connection.injected().map(|injected| &injected.shown) else {
        let why = NotLoggedIn::NoneForIt { service };
        proxy.not_logged_in(connection, why, None, String::new()).await?;
        return Ok(Err(NotLoggedIn::Unsigned {
            why: "there are no credentials for this identity with the service",
            instead: "the operator finds them in the settings: credentials of the service",
        }));
    };
    match credential.fetch(&connection.elsewhere).await {
        Ok((put, fetched)) => Ok(put.put(forward, now(), tls).map(|()| {
            Some(Injection {
                echo: put.echo(),
                fetched,
                elsewhere: connection.elsewhere.clone(),
            })
        })),
        Err(error) => {
            let why = NotLoggedIn::Failed { service };
            proxy
                .not_logged_in(connection, why, None, error.to_string())
                .await?;
            Ok(Err(NotLoggedIn::Unsigned {
                why: "the credentials with the service can't be had",
                instead: "nothing is wrong with what you sent; the operator finds the reason in the daemon's log",
            }))
        }
    }
}

impl Injection {
    /// The head of the service's answer. One that is not let in has the secret fetched again, for the next request.
    pub(crate) fn answered(&mut self, status: u16, headers: &mut Headers) {
        self.echo.fields(headers);
        if !matches!(status, 401 | 403) {
            return;
        }
        for (kept, refused) in std::mem::take(&mut self.fetched) {
            let elsewhere = self.elsewhere.clone();
            tokio::spawn(async move {
                if let Err(error) = kept.instead_of(&refused, &elsewhere).await {
                    tracing::warn!(%error, "a refused secret can't be fetched again");
                }
            });
        }
    }

    /// More of the answer's body: what may go on.
    pub(crate) fn body(&mut self, data: Bytes) -> Bytes {
        self.echo.body(data)
    }

    /// Fields after the body.
    pub(crate) fn trailers(&mut self, trailers: &mut Headers) {
        self.echo.fields(trailers);
    }

    /// The end of it: what was held back.
    pub(crate) fn end(&mut self) -> Bytes {
        self.echo.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_credential_process_prints_is_read_and_not_quoted() {
        let secret = |text: &str| Secret::new(Zeroizing::new(text.as_bytes().to_vec()));
        let keys = process(&secret(
            r#"{"Version": 1, "AccessKeyId": "id", "SecretAccessKey": "key", "SessionToken": "token", "Expiration": "2030-01-01T00:00:00Z"}"#,
        ))
        .unwrap();
        assert_eq!(keys.secret_access_key.reveal(), b"key");
        assert_eq!(keys.session_token.unwrap().reveal(), b"token");
        for wrong in [
            "s3cret",
            r#"{"Version": 2, "AccessKeyId": "s3cret", "SecretAccessKey": "s3cret"}"#,
        ] {
            let error = process(&secret(wrong)).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
