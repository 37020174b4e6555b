//! What is true of every request and of every answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};

use crate::login::certificate::Certificate;
use crate::login::sessions::{Login, Use};
use crate::pages::layout;
use crate::{Console, Kind, Refusal, Role};

/// Bytes of a form.
const LARGEST: usize = 256 << 10;
/// For one request, from its head to its answer's.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the script says of requests that nobody asked for.
pub(crate) const BACKGROUND: &str = "x-background";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) certificate: Option<Certificate>,
}

/// Somebody who is in.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) login: Login,
    pub(crate) cookie: String,
}

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) StatusCode, pub(crate) String);

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::NotPermitted => StatusCode::FORBIDDEN,
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::CONFLICT,
            Kind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, refusal.message)
    }
}

impl From<interdict_audit::AuditError> for Failure {
    fn from(error: interdict_audit::AuditError) -> Self {
        tracing::error!(%error, "the console can't read the record");
        Self(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the record can't be read: {error}"),
        )
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, layout::bare("Not done", &self.1)).into_response()
    }
}

impl Who {
    pub(crate) fn role(&self) -> Role {
        self.login.visitor.role
    }

    pub(crate) fn may(&self, least: Role) -> Result<(), Failure> {
        if self.role() >= least {
            return Ok(());
        }
        let what = format!(
            "{} is {} here, and this takes the role {}",
            self.login.visitor.person.name,
            self.role().as_str(),
            least.as_str()
        );
        tracing::warn!(
            person = self.login.visitor.person.name,
            what,
            "not permitted in the console"
        );
        Err(Failure(StatusCode::FORBIDDEN, what))
    }
}

impl FromRequestParts<Arc<Console>> for Who {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Console>) -> Result<Self, Response> {
        if let Some(who) = parts.extensions.get::<Self>() {
            return Ok(who.clone());
        }
        if parts.method == Method::GET && !parts.headers.contains_key(BACKGROUND) {
            let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            return Err(
                Redirect::to(&format!("/login?next={}", crate::shown::encoded(wanted))).into_response(),
            );
        }
        Err(Failure(
            StatusCode::UNAUTHORIZED,
            "nobody is logged in, or no longer".to_owned(),
        )
        .into_response())
    }
}

/// A form, sent by the page that it belongs to and somebody who is in.
pub(crate) struct Posted {
    pub(crate) who: Who,
    fields: Vec<(String, String)>,
}

impl Posted {
    /// A field, without blanks around; `None`: empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }
}

impl FromRequest<Arc<Console>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<Console>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let who = Who::from_request_parts(&mut parts, state).await?;
        let fields = fields(Request::from_parts(parts, body))
            .await
            .map_err(IntoResponse::into_response)?;
        let token = fields
            .iter()
            .find(|(name, _)| name == "token")
            .map(|(_, token)| token);
        if !token.is_some_and(|token| same(token, &who.login.token)) {
            tracing::warn!(
                person = who.login.visitor.person.name,
                "a form without its token was refused: it did not come from a page of the console"
            );
            let what = "this form was not sent by a page of the console, or by one of an earlier login: open the page again";
            return Err(Failure(StatusCode::FORBIDDEN, what.to_owned()).into_response());
        }
        Ok(Self { who, fields })
    }
}

/// The fields of a form.
pub(crate) async fn fields(request: Request) -> Result<Vec<(String, String)>, Failure> {
    let refused = |what: &str| Failure(StatusCode::BAD_REQUEST, what.to_owned());
    let form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if !form {
        return Err(refused("expected a form"));
    }
    let body = axum::body::to_bytes(request.into_body(), LARGEST).await;
    let body = body.map_err(|_| {
        Failure(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a form has at most {LARGEST} bytes"),
        )
    })?;
    crate::shown::decoded(&body).ok_or_else(|| refused("the form does not read"))
}

/// Takes the same time wherever they differ.
fn same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// The cookie's name. With TLS the browser itself sees to it that no other host and no plaintext sets it.
pub(crate) fn cookie_name(secure: bool) -> &'static str {
    if secure {
        "__Host-interdict"
    } else {
        "interdict-console"
    }
}

pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// `same_site`: `Strict`, or `Lax` for what has to survive a way by the issuer.
pub(crate) fn set_cookie(
    console: &Console,
    name: &str,
    value: &str,
    same_site: &str,
    seconds: Option<u64>,
) -> String {
    let secure = if console.config.is_secure() {
        "; Secure"
    } else {
        ""
    };
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}")
}

pub(crate) async fn guard(State(console): State<Arc<Console>>, mut request: Request, next: Next) -> Response {
    let background = request.headers().contains_key(BACKGROUND) || request.uri().path() == "/events";
    let answer = if let Err(failure) = check(&console, &request) {
        failure.into_response()
    } else {
        let used = if background { Use::Page } else { Use::Person };
        if let Some(who) = who(&console, &request, used) {
            request.extensions_mut().insert(who);
        }
        let answered = tokio::time::timeout(PATIENCE, next.run(request)).await;
        answered.unwrap_or_else(|_| {
            let what = format!("it took longer than {} s", PATIENCE.as_secs());
            Failure(StatusCode::GATEWAY_TIMEOUT, what).into_response()
        })
    };
    with_headers(answer, console.config.is_secure())
}

fn who(console: &Console, request: &Request, used: Use) -> Option<Who> {
    let cookie = cookie(request.headers(), cookie_name(console.config.is_secure()))?;
    let certificate = request
        .extensions()
        .get::<Peer>()
        .and_then(|peer| peer.certificate.as_ref())
        .map(|certificate| certificate.digest);
    let login = console.sessions.find(cookie, certificate, used)?;
    Some(Who {
        login,
        cookie: cookie.to_owned(),
    })
}

fn check(console: &Console, request: &Request) -> Result<(), Failure> {
    let origins = console.config.origins();
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let host = host.filter(|_| hosts.next().is_none() && request.uri().authority().is_none());
    let ours = |host: &str| {
        origins.iter().any(|origin| {
            origin
                .split_once("://")
                .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        })
    };
    if !host.is_some_and(ours) {
        tracing::warn!(
            host = host.unwrap_or_default().escape_debug().to_string(),
            "a request with another host's name was refused"
        );
        let what = format!(
            "the console is not known by that name; it is {}, and `admin.console.url` says by which other",
            console.config.url()
        );
        return Err(Failure(StatusCode::MISDIRECTED_REQUEST, what));
    }
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        Method::POST if is_from_here(headers, &origins) => Ok(()),
        Method::POST => {
            tracing::warn!(
                origin = headers
                    .get(header::ORIGIN)
                    .map_or_else(String::new, |origin| format!("{origin:?}")),
                "a form of another site was refused"
            );
            Err(Failure(
                StatusCode::FORBIDDEN,
                "this form was sent by another site".to_owned(),
            ))
        }
        _ => Err(Failure(
            StatusCode::METHOD_NOT_ALLOWED,
            "expected GET or POST".to_owned(),
        )),
    }
}

/// Whether a page of the console sent it.
fn is_from_here(headers: &HeaderMap, origins: &[String]) -> bool {
    let mut named = headers.get_all(header::ORIGIN).iter();
    match (named.next(), named.next()) {
        (Some(origin), None) => origins.iter().any(|own| own.as_bytes() == origin.as_bytes()),
        (None, _) => headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "same-origin"),
        _ => false,
    }
}

fn with_headers(mut answer: Response, secure: bool) -> Response {
    const ALWAYS: [(HeaderName, &str); 7] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` browsers would send forms without their origin.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ];
    let headers = answer.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if secure {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    answer
}
