//! The issuer that people of the console log in with (OpenID Connect Core, section 3.1).

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use interdict_console::{Begun, Claims, Issuer};
use interdict_identity::{LoginExpected, verify_login};
use serde::Deserialize;

use crate::run::issuers::{is_safe, secure};
use crate::settings::{ConsoleOidc, SecretSource};

/// For all that one step asks.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one document.
const LARGEST: usize = 1 << 20;

/// The issuer of the settings.
pub(super) struct Known {
    name: String,
    issuer: String,
    client_id: String,
    client_secret: Option<SecretSource>,
    scopes: Vec<String>,
    groups: String,
    ca: Option<PathBuf>,
}

/// What matters of its description (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Description {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Known {
    pub(super) fn new(settings: &ConsoleOidc) -> anyhow::Result<Self> {
        // Once here, so that roots which can't be used are told at the start.
        secure(settings.ca.as_deref())?;
        Ok(Self {
            name: settings.name.clone(),
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            scopes: settings.scopes.clone(),
            groups: settings.groups.clone(),
            ca: settings.ca.clone(),
        })
    }

    async fn description(&self) -> anyhow::Result<Description> {
        let place: Uri = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        )
        .parse()
        .context("the issuer's URL")?;
        let text = self.ask(&place, Method::GET, None, None).await?;
        let about: Description =
            serde_json::from_str(&text).with_context(|| format!("{place} is no description of an issuer"))?;
        ensure!(
            about.issuer == self.issuer,
            "{place} describes the issuer {}, and the settings have {}",
            about.issuer.escape_debug(),
            self.issuer
        );
        for (name, url) in [
            ("authorization_endpoint", &about.authorization_endpoint),
            ("token_endpoint", &about.token_endpoint),
            ("jwks_uri", &about.jwks_uri),
        ] {
            let safe = url.parse().is_ok_and(|url| is_safe(&url)) && !url.contains('#');
            ensure!(safe, "its `{name}` is no URL with `https`");
        }
        Ok(about)
    }

    async fn ask(
        &self,
        url: &Uri,
        method: Method,
        login: Option<HeaderValue>,
        form: Option<String>,
    ) -> anyhow::Result<String> {
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(secure(self.ca.as_deref())?);
        let mut request = Request::new(Full::from(form.unwrap_or_default()));
        *request.uri_mut() = url.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if method == Method::POST {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
        }
        if let Some(login) = login {
            headers.insert(AUTHORIZATION, login);
        }
        *request.method_mut() = method;
        let response = client
            .request(request)
            .await
            .with_context(|| format!("asking {url}"))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body =
            body.map_err(|error| anyhow::anyhow!("{url} broke off or is longer than 1 MiB: {error}"))?;
        ensure!(
            status.is_success(),
            "{url} answered with status {}",
            status.as_u16()
        );
        String::from_utf8(body.to_bytes().into()).with_context(|| format!("{url} is no text"))
    }

    async fn begun(&self, begun: &Begun) -> anyhow::Result<String> {
        let about = self.description().await?;
        let scope = std::iter::once("openid")
            .chain(self.scopes.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ");
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &begun.redirect),
            ("scope", &scope),
            ("state", &begun.state),
            ("nonce", &begun.nonce),
            ("code_challenge", &begun.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let mark = if about.authorization_endpoint.contains('?') {
            '&'
        } else {
            '?'
        };
        Ok(format!("{}{mark}{query}", about.authorization_endpoint))
    }

    async fn finished(&self, code: &str, begun: &Begun) -> anyhow::Result<Claims> {
        let about = self.description().await?;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &begun.redirect),
            ("code_verifier", &begun.verifier),
        ];
        let mut login = None;
        match &self.client_secret {
            None => fields.push(("client_id", &self.client_id)),
            Some(source) => {
                let source = source.clone();
                let secret = tokio::task::spawn_blocking(move || source.read()).await??;
                let secret =
                    std::str::from_utf8(secret.reveal()).context("the client's secret is no text")?;
                // RFC 6749, section 2.3.1.
                let pair = format!("{}:{}", escaped(&self.client_id), escaped(secret));
                let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))?;
                value.set_sensitive(true);
                login = Some(value);
            }
        }
        let place: Uri = about.token_endpoint.parse()?;
        let answer = self.ask(&place, Method::POST, login, Some(form(&fields))).await?;
        let tokens: Tokens = serde_json::from_str(&answer)
            .map_err(|_| anyhow::anyhow!("{place} gave no token that says who logged in"))?;
        let keys = self
            .ask(&about.jwks_uri.parse()?, Method::GET, None, None)
            .await?;
        let expected = LoginExpected {
            issuer: &self.issuer,
            client_id: &self.client_id,
            nonce: &begun.nonce,
        };
        let now = jiff::Timestamp::now().as_second();
        let in_it = verify_login(&tokens.id_token, &keys, &expected, now).map_err(anyhow::Error::msg)?;
        let claim = |name: &str| in_it.claims.get(name).map(String::as_str);
        let group = |name: &String| {
            let rest = name.strip_prefix(&self.groups)?;
            Some(rest.strip_prefix('[')?.strip_suffix(']')?.to_owned())
        };
        Ok(Claims {
            issuer: self.issuer.clone(),
            email: claim("email")
                .filter(|_| claim("email_verified") == Some("true"))
                .map(str::to_owned),
            groups: in_it.claims.keys().filter_map(group).collect(),
            subject: in_it.subject,
        })
    }
}

impl Issuer for Known {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin<'a>(
        &'a self,
        begun: &'a Begun,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>> {
        Box::pin(within(self.begun(begun)))
    }

    fn finish<'a>(
        &'a self,
        code: &'a str,
        begun: &'a Begun,
    ) -> Pin<Box<dyn Future<Output = Result<Claims, String>> + Send + 'a>> {
        Box::pin(within(self.finished(code, begun)))
    }
}

async fn within<T>(step: impl Future<Output = anyhow::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, step).await {
        Ok(outcome) => outcome.map_err(|error| format!("{error:#}")),
        Err(_) => Err(format!("it took longer than {} s", PATIENCE.as_secs())),
    }
}

/// As forms and query strings have it.
fn form(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    pairs.join("&")
}

fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
