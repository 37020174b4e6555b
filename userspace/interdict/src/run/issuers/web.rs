//! Fetching what an issuer publishes (OpenID Connect Discovery 1.0, section 4; RFC 8414).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use http::uri::{Parts, PathAndQuery};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use interdict_identity::FetchKeys;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use tokio::runtime::Handle;

/// For both documents together.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of one document.
const LARGEST: usize = 1 << 20;
const DESCRIPTION: &str = "/.well-known/openid-configuration";

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// An issuer's keys as they are published.
#[derive(Debug)]
pub(super) struct Published {
    client: HttpClient,
    runtime: Handle,
    issuer: String,
    /// The JWKS; `None`: the issuer's description says where it is.
    url: Option<Uri>,
    /// The file of a token to show.
    bearer: Option<PathBuf>,
}

/// What matters of an issuer's description.
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

impl Published {
    pub(super) fn new(
        runtime: Handle,
        issuer: &str,
        url: Option<&str>,
        ca: Option<&Path>,
        bearer: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let https = secure(ca)?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(https),
            runtime,
            issuer: issuer.to_owned(),
            url: url.map(str::parse).transpose().context("its URL")?,
            bearer: bearer.map(Path::to_owned),
        })
    }

    async fn keys(&self, bearer: Option<&HeaderValue>) -> anyhow::Result<String> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.discover(bearer).await?,
        };
        self.get(&url, bearer).await
    }

    /// Where the issuer's description says that its keys are.
    async fn discover(&self, bearer: Option<&HeaderValue>) -> anyhow::Result<Uri> {
        let place: Uri = format!("{}{DESCRIPTION}", self.issuer.trim_end_matches('/'))
            .parse()
            .context("the issuer's URL")?;
        let text = self.get(&place, bearer).await?;
        let about: Description =
            serde_json::from_str(&text).with_context(|| format!("{place} is no description of an issuer"))?;
        // Otherwise one issuer could publish keys in another's name (section 4.3).
        ensure!(
            about.issuer == self.issuer,
            "{place} describes the issuer {}, and the settings have {}",
            about.issuer.escape_debug(),
            self.issuer
        );
        let keys: Uri = about.jwks_uri.parse().context("its `jwks_uri`")?;
        ensure!(
            is_safe(&keys),
            "its `jwks_uri` {keys} has no `https`: anybody on the way could put keys of their own there"
        );
        Ok(keys)
    }

    async fn get(&self, url: &Uri, bearer: Option<&HeaderValue>) -> anyhow::Result<String> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = url.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, json);
        // The token is for whom the settings name, and nobody to whom a description points.
        let named = self.url.clone().or_else(|| self.issuer.parse().ok());
        if let Some(bearer) = bearer
            && named.is_some_and(|named| origin(&named) == origin(url))
        {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        let response = self
            .client
            .request(request)
            .await
            .with_context(|| format!("asking {url}"))?;
        let status = response.status();
        ensure!(
            status == StatusCode::OK,
            "{url} answered with status {}",
            status.as_u16()
        );
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body =
            body.map_err(|error| anyhow::anyhow!("{url} broke off or is longer than 1 MiB: {error}"))?;
        String::from_utf8(body.to_bytes().into()).with_context(|| format!("{url} is no text"))
    }
}

impl FetchKeys for Published {
    /// To be called on a thread that may block, and not of the runtime's own workers.
    fn fetch(&self) -> Result<String, String> {
        let bearer = self.bearer.as_deref().map(bearer).transpose();
        let bearer = bearer.map_err(|error| format!("{error:#}"))?;
        let fetched = async { tokio::time::timeout(PATIENCE, self.keys(bearer.as_ref())).await };
        match self.runtime.block_on(fetched) {
            Ok(outcome) => outcome.map_err(|error| format!("{error:#}")),
            Err(_) => Err(format!(
                "{} took longer than {} s",
                self.issuer,
                PATIENCE.as_secs()
            )),
        }
    }
}

/// The token of the daemon's own account; it is renewed every so often.
fn bearer(path: &Path) -> anyhow::Result<HeaderValue> {
    let token = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
        .with_context(|| format!("{} holds no token", path.display()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// How issuers are reached. `ca`: roots to verify with, instead of the system's. Plaintext is for this host's own addresses alone; the
/// settings and [`is_safe`] see to that.
pub(in crate::run) fn secure(ca: Option<&Path>) -> anyhow::Result<HttpsConnector<HttpConnector>> {
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca)?)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .build())
}

/// Whether nobody on the way can change what is fetched.
pub(in crate::run) fn is_safe(url: &Uri) -> bool {
    match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => crate::settings::is_local(host),
        _ => false,
    }
}

fn origin(url: &Uri) -> Option<Uri> {
    let mut parts = Parts::default();
    parts.scheme = url.scheme().cloned();
    parts.authority = url.authority().cloned();
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).ok()
}

fn roots(ca: Option<&Path>) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        for certificate in CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())? {
            let certificate = certificate.with_context(|| path.display().to_string())?;
            roots
                .add(certificate)
                .with_context(|| path.display().to_string())?;
        }
        ensure!(!roots.is_empty(), "{} has no certificate", path.display());
        return Ok(roots);
    }
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    Ok(roots)
}

#[cfg(test)]
mod tests;
