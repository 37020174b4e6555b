//! Coming in and going out.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{HeaderMap, SET_COOKIE};
use http::{StatusCode, Uri};
use maud::{Markup, html};

use crate::guard::{Failure, Peer, Posted, Who, cookie, cookie_name, fields, set_cookie};
use crate::pages::layout;
use crate::shown::{decoded, plain, value};
use crate::{Console, Visitor};

/// How people of the console speak, in the record.
pub(crate) const VIA: &str = "console";
/// What a browser keeps while it is at the issuer's.
const UNDER_WAY: &str = "interdict-login";

fn asked(uri: &Uri, name: &str) -> Option<String> {
    let pairs = decoded(uri.query()?.as_bytes())?;
    pairs
        .into_iter()
        .find(|(field, _)| field == name)
        .map(|(_, value)| value)
}

/// A page of the console and nothing else.
fn safe(next: Option<&str>) -> &str {
    let ours = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && !path.starts_with("/login")
            && path.bytes().all(|byte| {
                byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b';' | b'\'')
            })
    };
    next.filter(ours).unwrap_or("/")
}

pub(crate) async fn page(
    State(console): State<Arc<Console>>,
    Extension(peer): Extension<Peer>,
    who: Option<Extension<Who>>,
    uri: Uri,
) -> Result<Response, Failure> {
    let next = asked(&uri, "next");
    let next = safe(next.as_deref());
    if who.is_some() {
        return Ok(Redirect::to(next).into_response());
    }
    if let Some(certificate) = peer.certificate.as_ref().filter(|_| console.config.certificates) {
        let person = certificate.person();
        if let Some(role) = console.config.roles.of(&person) {
            let visitor = Visitor::new(person, role);
            return enter(
                &console,
                visitor,
                Some(certificate.digest),
                "a client certificate",
                next,
            )
            .await;
        }
        tracing::warn!(
            name = certificate.name,
            "a certificate without a role was shown to the console"
        );
    }
    let content = html! {
        @if let Some(certificate) = peer.certificate.as_ref().filter(|_| console.config.certificates) {
            p class="told bad" role="alert" { "The certificate of " (value(&certificate.name)) " has no role here: " code { "admin.console.roles" } " names who has one." }
        }
        @if let Some(issuer) = &console.config.issuer {
            form method="post" action="/login/oidc" {
                input type="hidden" name="next" value=(next);
                button type="submit" class="primary" { "Log in with " (plain(issuer.name())) }
            }
        }
        p { "On the host itself, " code { "interdict console login" } " gives an address that lets you in once." }
    };
    Ok(layout::alone("Log in", None, &content).into_response())
}

fn wrong(console: &Console, from: IpAddr) -> Failure {
    if console.attempts.failed(from) {
        return Failure(
            StatusCode::TOO_MANY_REQUESTS,
            "too many addresses that are none: wait a minute".to_owned(),
        );
    }
    tracing::warn!(%from, "an address for logging in was used that is none, or no longer");
    Failure(
        StatusCode::FORBIDDEN,
        "this address was used already, is older than a minute, or never was one: `interdict console login` gives another".to_owned(),
    )
}

/// Asks first: whoever only looks at an address (a preview, a scanner) does not use it up.
pub(crate) async fn once(
    State(console): State<Arc<Console>>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
) -> Result<Markup, Failure> {
    let ticket = asked(&uri, "ticket").unwrap_or_default();
    let visitor = console
        .tickets
        .look(&ticket)
        .ok_or_else(|| wrong(&console, peer.address))?;
    let content = html! {
        form method="post" action="/login/once" {
            input type="hidden" name="ticket" value=(ticket);
            p { "You come in as " strong { (value(&visitor.person.name)) } " with the role " strong { (visitor.role.as_str()) } "." }
            button type="submit" class="primary" autofocus { "Log in" }
        }
    };
    Ok(layout::alone("Log in", None, &content))
}

pub(crate) async fn redeem(
    State(console): State<Arc<Console>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Failure> {
    let fields = fields(request).await?;
    let ticket = fields.iter().find(|(name, _)| name == "ticket");
    let visitor = ticket
        .and_then(|(_, ticket)| console.tickets.redeem(ticket))
        .ok_or_else(|| wrong(&console, peer.address))?;
    enter(&console, visitor, None, "a one-time address", "/").await
}

/// On record first; then the cookie. The page goes on by itself: a redirect would be part of the way that began elsewhere, and the
/// browser would not show the new cookie on it.
async fn enter(
    console: &Console,
    visitor: Visitor,
    certificate: Option<[u8; 32]>,
    how: &str,
    next: &str,
) -> Result<Response, Failure> {
    let what = format!(
        "{} logged in to the console as {} by {how}",
        visitor.person.name,
        visitor.role.as_str()
    );
    console
        .office
        .note(&visitor.person, "console_login", what)
        .await?;
    let value = console.sessions.begin(visitor, certificate)?;
    let name = cookie_name(console.config.is_secure());
    let set = set_cookie(console, name, &value, "Strict", None);
    let content = html! { p { a href=(next) { "Go on" } } };
    Ok((
        [(SET_COOKIE, set)],
        layout::alone("You are in", Some(next), &content),
    )
        .into_response())
}

pub(crate) async fn begin(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Failure> {
    let issuer = console
        .config
        .issuer
        .as_ref()
        .ok_or_else(|| Failure(StatusCode::NOT_FOUND, "there is no such page".to_owned()))?;
    let fields = fields(request).await?;
    let next = fields
        .iter()
        .find(|(name, _)| name == "next")
        .map(|(_, next)| next.as_str());
    let redirect = format!("{}/login/oidc/back", console.config.url());
    let (begun, browser) = console.pending.begin(redirect, safe(next).to_owned())?;
    let to = issuer.begin(&begun).await.map_err(|why| {
        tracing::error!(why, "the console's issuer can't be asked");
        Failure(
            StatusCode::BAD_GATEWAY,
            format!("{} can't be asked: {why}", issuer.name()),
        )
    })?;
    let set = set_cookie(&console, UNDER_WAY, &browser, "Lax", Some(600));
    // A redirect after a form would be held against `form-action`.
    let content = html! { p { a href=(to) { "Go on to " (plain(issuer.name())) } } };
    Ok(([(SET_COOKIE, set)], layout::alone("Log in", Some(&to), &content)).into_response())
}

pub(crate) async fn back(
    State(console): State<Arc<Console>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Failure> {
    let issuer = console
        .config
        .issuer
        .as_ref()
        .ok_or_else(|| Failure(StatusCode::NOT_FOUND, "there is no such page".to_owned()))?;
    let state = asked(&uri, "state").unwrap_or_default();
    let browser = cookie(&headers, UNDER_WAY).unwrap_or_default();
    let begun = console.pending.take(&state, browser).map_err(|refusal| {
        let _ = console.attempts.failed(peer.address);
        Failure::from(refusal)
    })?;
    let Some(code) = asked(&uri, "code") else {
        let why = asked(&uri, "error").unwrap_or_else(|| "it says nothing".to_owned());
        let what = format!("{} did not let you in: {}", issuer.name(), plain(&why));
        return Err(Failure(StatusCode::FORBIDDEN, what));
    };
    let claims = issuer.finish(&code, &begun).await.map_err(|why| {
        tracing::error!(why, "a login by the console's issuer failed");
        Failure(
            StatusCode::FORBIDDEN,
            format!("the login by {} failed: {why}", issuer.name()),
        )
    })?;
    let person = claims.person();
    let Some(role) = console.config.roles.of(&person) else {
        let what = format!(
            "{} has no role in the console: `admin.console.roles` names who has one",
            person.name
        );
        let note = format!("{} was sent away from the console: no role", person.name);
        console.office.note(&person, "console_refused", note).await?;
        return Err(Failure(StatusCode::FORBIDDEN, what));
    };
    let how = format!("OpenID Connect ({})", issuer.name());
    enter(&console, Visitor::new(person, role), None, &how, &begun.next).await
}

pub(crate) async fn logout(State(console): State<Arc<Console>>, posted: Posted) -> Result<Response, Failure> {
    console.sessions.end(&posted.who.cookie);
    let person = &posted.who.login.visitor.person;
    let what = format!("{} logged out of the console", person.name);
    console.office.note(person, "console_logout", what).await?;
    let name = cookie_name(console.config.is_secure());
    let set = set_cookie(&console, name, "", "Strict", Some(0));
    Ok(([(SET_COOKIE, set)], Redirect::to("/login")).into_response())
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn nobody_is_sent_elsewhere_after_logging_in() {
        assert_eq!(safe(Some("/approvals/1?x=y&z=%20")), "/approvals/1?x=y&z=%20");
        for bad in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/login/once?ticket=x",
            "/a;url=https://evil.example",
            "/a b",
            "",
        ] {
            assert_eq!(safe(Some(bad)), "/", "{bad}");
        }
    }
}
