//! Credentials of the settings as the data path needs them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use interdict_policy::IdentityGlob;
use interdict_proxy::{AwsSource, Credentials, HttpCredential, Injected, Kept, ServiceLogin, Shown};
use interdict_session::Secret;
use zeroize::Zeroizing;

use crate::settings::{self, AccessKeyId, AwsKeys, Login, Renewed, SecretSource, Service, TlsMode};

/// What of a service's credentials the proxy injects.
pub(super) fn build(service: &Service) -> anyhow::Result<Credentials> {
    let settings::Credentials::Inject(all) = &service.credentials else {
        return Ok(Credentials::Pass);
    };
    if service.upstream.tls == Some(TlsMode::Disable) {
        tracing::warn!(
            service = service.name,
            "credentials are injected without TLS towards the service: where callers may listen on their network they can see what \
             is sent (settings: upstream.tls)"
        );
    }
    let mut injected = Vec::new();
    for one in &all[..] {
        let identities = one.identities.iter().map(|text| IdentityGlob::parse(text));
        injected.push(Injected {
            identities: identities
                .collect::<Result<_, _>>()
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("service {}: identities of its credentials", service.name))?,
            shown: match &one.shown {
                settings::Shown::Login(shown) => {
                    Shown::Login(login(shown, service, "the password of its credentials")?)
                }
                settings::Shown::Http(credential) => Shown::Http(http(credential, service)?),
            },
        });
    }
    Ok(Credentials::Inject(injected))
}

/// A user and its password, which is tried. `what`: of the service.
pub(super) fn login(login: &Login, service: &Service, what: &str) -> anyhow::Result<ServiceLogin> {
    let password = match &login.password {
        Some(renewed) => Some(kept(renewed, service, what)?),
        None => None,
    };
    Ok(ServiceLogin::new(&login.user, password))
}

fn http(credential: &settings::HttpCredential, service: &Service) -> anyhow::Result<HttpCredential> {
    let kept = |renewed: &Renewed| kept(renewed, service, "the secret of its credentials");
    let word = |word: &Option<String>| word.as_deref().map(Arc::from);
    Ok(match credential {
        settings::HttpCredential::Field { name, prefix, value } => HttpCredential::Field {
            name: name.as_str().into(),
            prefix: prefix.as_str().into(),
            value: kept(value)?,
        },
        settings::HttpCredential::Basic { user, password } => HttpCredential::Basic {
            user: user.as_str().into(),
            password: kept(password)?,
        },
        settings::HttpCredential::SigV4 {
            keys,
            region,
            service,
        } => HttpCredential::SigV4 {
            keys: match keys {
                AwsKeys::Process(renewed) => AwsSource::Process(kept(renewed)?),
                AwsKeys::Each {
                    access_key_id,
                    secret_access_key,
                    session_token,
                } => AwsSource::Each {
                    access_key_id: match access_key_id {
                        AccessKeyId::Text(text) => Kept::new(Box::new(Text(text.clone())), Duration::MAX),
                        AccessKeyId::Source(renewed) => kept(renewed)?,
                    },
                    secret_access_key: kept(secret_access_key)?,
                    session_token: session_token.as_ref().map(kept).transpose()?,
                },
            },
            region: word(region),
            service: word(service),
        },
    })
}

/// What the settings say themselves, as it is no secret.
struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings")
    }
}

impl interdict_proxy::SecretSource for Text {
    fn read(&self) -> io::Result<Secret> {
        Ok(Secret::new(Zeroizing::new(self.0.clone().into_bytes())))
    }
}

/// A secret that is fetched when it is needed. One that can't be had now and could never be had later ends the start; a command
/// may have another day.
fn kept(renewed: &Renewed, service: &Service, what: &str) -> anyhow::Result<Kept> {
    let Renewed { source, lifetime } = renewed;
    if let Err(error) = source.read() {
        if !matches!(source, SecretSource::Command(_)) {
            return Err(error).with_context(|| format!("service {}: {what}", service.name));
        }
        tracing::warn!(
            service = service.name,
            %error,
            "{what} can't be had; until it can, logins with it are refused"
        );
    }
    Ok(Kept::new(Box::new(source.clone()), *lifetime))
}
