//! What comes back, read.

use http::{HeaderMap, Uri};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Form, Webhook, sign};
use crate::Person;

/// A decision that somebody sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) approval: Uuid,
    pub(super) approve: bool,
    pub(super) reason: String,
    pub(super) person: Person,
    /// Where to say what came of it, besides the answer.
    pub(super) reply: Option<Uri>,
}

/// Why a request is no answer. The text goes back to who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The signature, or its time.
    Unsigned,
    /// What is signed is none.
    Unread(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generic {
    approval: Uuid,
    verdict: String,
    by: String,
    reason: String,
}

/// Checks that the request is the webhook's and of now. Gives the signature, which nobody may use again.
pub(super) fn check(webhook: &Webhook, headers: &HeaderMap, body: &[u8], now: i64) -> Result<String, Wrong> {
    let (time, signature, version) = match webhook.form {
        Form::Json => ("interdict-timestamp", "interdict-signature", "v1"),
        Form::Slack => ("x-slack-request-timestamp", "x-slack-signature", "v0"),
    };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(time), Some(signature)) = (header(time), header(signature)) else {
        return Err(Wrong::Unsigned);
    };
    let right = sign::is_now(time, now) && sign::holds(version, &webhook.secret, time, body, signature);
    // Digits in either case are the same signature.
    right
        .then(|| signature.to_ascii_lowercase())
        .ok_or(Wrong::Unsigned)
}

/// Reads what is signed.
pub(super) fn read(webhook: &Webhook, body: &[u8]) -> Result<Answer, Wrong> {
    match webhook.form {
        Form::Json => generic(webhook, body),
        Form::Slack => slack(webhook, body),
    }
}

fn generic(webhook: &Webhook, body: &[u8]) -> Result<Answer, Wrong> {
    let read: Generic = serde_json::from_slice(body)
        .map_err(|_| Wrong::Unread("expected {\"approval\": ID, \"verdict\": \"approve\" or \"deny\", \"by\": NAME, \"reason\": TEXT}"))?;
    Ok(Answer {
        approval: read.approval,
        approve: verdict(&read.verdict)?,
        reason: read.reason,
        person: person(webhook, &read.by)?,
        reply: None,
    })
}

fn verdict(text: &str) -> Result<bool, Wrong> {
    match text {
        "approve" => Ok(true),
        "deny" => Ok(false),
        _ => Err(Wrong::Unread("the verdict is neither `approve` nor `deny`")),
    }
}

/// Whoever it is there, by the name that they have here.
fn person(webhook: &Webhook, called: &str) -> Result<Person, Wrong> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if called.is_empty() || called.len() > 128 || !called.chars().all(plain) {
        return Err(Wrong::Unread(
            "who decides is called by letters, digits, `.`, `_`, `-` and `+`",
        ));
    }
    let name = webhook.people.get(called).map_or(called, |name| name);
    Ok(Person {
        name: format!("{name}@{}", webhook.name),
        via: format!("webhook:{}", webhook.name),
        ..Person::default()
    })
}

/// A button of a message was pressed: `payload=` and JSON.
fn slack(webhook: &Webhook, body: &[u8]) -> Result<Answer, Wrong> {
    let unread = || Wrong::Unread("expected what a button of the message sends");
    let body = std::str::from_utf8(body).map_err(|_| unread())?;
    let payload = body.split('&').find_map(|pair| pair.strip_prefix("payload="));
    let payload = payload.and_then(decoded).ok_or_else(unread)?;
    let payload: Value = serde_json::from_str(&payload).map_err(|_| unread())?;
    let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
    if text("/type") != Some("block_actions") {
        return Err(unread());
    }
    let approval = text("/actions/0/value").and_then(|id| id.parse().ok());
    Ok(Answer {
        approval: approval.ok_or_else(unread)?,
        approve: verdict(text("/actions/0/action_id").unwrap_or_default())?,
        reason: text("/state/values/reason/reason/value")
            .unwrap_or_default()
            .to_owned(),
        // Names can be changed there, ids cannot.
        person: person(webhook, text("/user/id").unwrap_or_default())?,
        reply: text("/response_url")
            .and_then(|url| url.parse().ok())
            .filter(|url: &Uri| {
                url.authority() == webhook.url.authority() && url.scheme() == webhook.url.scheme()
            }),
    })
}

/// `application/x-www-form-urlencoded`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}
