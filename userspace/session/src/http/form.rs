//! The form of refusals in HTTP and in the APIs on top of it.

use std::fmt::Write as _;

use bytes::Bytes;
use interdict_api::RefusalForm;
use interdict_wire::http::{Headers, ResponseHead, Version};
use serde_json::json;

use crate::refusal::{Kind, Refusal};

/// An answer of the proxy's own.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its head; the fields that frame the body are the driver's.
    pub head: ResponseHead,
    /// Its body.
    pub body: Bytes,
}

/// Code of JSON-RPC for errors that a server defines: -32000 to -32099 are free (JSON-RPC 2.0, section 5.1).
const JSON_RPC_REFUSED: i32 = -32001;

/// The status of such a refusal (RFC 9110, section 15).
pub(crate) const fn status(kind: Kind) -> u16 {
    match kind {
        Kind::Refused | Kind::Login => 403,
        Kind::Limit => 413,
        Kind::Protocol | Kind::Syntax | Kind::UnknownStatement | Kind::FailedTransaction => 400,
        Kind::Unreachable => 502,
        Kind::Shutdown | Kind::Audit => 503,
        // Nobody reads it: the client is gone.
        Kind::Cancelled => 499,
    }
}

/// The refusal as a client of that API understands it.
pub(super) fn reply(refusal: &Refusal, form: &RefusalForm) -> Reply {
    let status = status(refusal.kind);
    let hint = refusal.hint.as_deref().unwrap_or_default();
    let message = if hint.is_empty() {
        refusal.message.clone()
    } else {
        format!("{} ({hint})", refusal.message)
    };
    let (status, media_type, body) = match form {
        RefusalForm::Problem => {
            let mut problem = json!({
                "type": "about:blank",
                "title": reason(status),
                "status": status,
                "detail": refusal.message,
            });
            if let (false, Some(members)) = (hint.is_empty(), problem.as_object_mut()) {
                members.insert("hint".to_owned(), hint.into());
            }
            (status, "application/problem+json", problem.to_string())
        }
        RefusalForm::S3Xml { bucket, key } => (
            status,
            "application/xml",
            s3(status, &message, bucket.as_deref(), key.as_deref()),
        ),
        RefusalForm::DynamoDb => {
            let name = if status == 403 {
                "AccessDeniedException"
            } else {
                "ValidationException"
            };
            let error = json!({
                "__type": format!("com.amazon.coral.service#{name}"),
                "message": message,
            });
            (400, "application/x-amz-json-1.0", error.to_string())
        }
        RefusalForm::KubernetesStatus => {
            let error = json!({
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": message,
                "reason": reason(status).replace(' ', ""),
                "code": status,
            });
            (status, "application/json", error.to_string())
        }
        RefusalForm::JsonRpc { id } => {
            // The id stands as it came: it was read as JSON.
            let id: serde_json::Value = serde_json::from_str(id).unwrap_or_default();
            let error = json!({
                "jsonrpc": "2.0",
                "id": id,
                "error": { "code": JSON_RPC_REFUSED, "message": message },
            });
            (200, "application/json", error.to_string())
        }
    };
    Reply {
        head: head(status, media_type),
        body: body.into(),
    }
}

/// Several refusals of JSON-RPC, as a batch is answered; of anything else the first.
pub(super) fn replies(refusal: &Refusal, forms: &[&RefusalForm]) -> Reply {
    let mut answers: Vec<Reply> = forms.iter().map(|form| reply(refusal, form)).collect();
    let batch = answers.len() > 1
        && forms
            .iter()
            .all(|form| matches!(form, RefusalForm::JsonRpc { .. }));
    if batch {
        let bodies: Vec<String> = answers
            .iter()
            .map(|answer| String::from_utf8_lossy(&answer.body).into_owned())
            .collect();
        return Reply {
            head: head(200, "application/json"),
            body: format!("[{}]", bodies.join(",")).into(),
        };
    }
    if answers.is_empty() {
        return reply(refusal, &RefusalForm::Problem);
    }
    answers.swap_remove(0)
}

fn head(status: u16, media_type: &'static str) -> ResponseHead {
    let mut headers = Headers::new();
    for (name, value) in [("Content-Type", media_type), ("Cache-Control", "no-store")] {
        // Constants are names and values.
        let _ = headers.push(name, value);
    }
    ResponseHead {
        version: Version::Http11,
        status,
        reason: Bytes::from_static(reason(status).as_bytes()),
        headers,
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        413 => "Content Too Large",
        502 => "Bad Gateway",
        _ => "Service Unavailable",
    }
}

fn s3(status: u16, message: &str, bucket: Option<&str>, key: Option<&str>) -> String {
    let code = match status {
        403 => "AccessDenied",
        413 => "EntityTooLarge",
        400 => "InvalidRequest",
        _ => "ServiceUnavailable",
    };
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message>",
        escaped(message)
    );
    for (name, value) in [("BucketName", bucket), ("Key", key)] {
        if let Some(value) = value {
            // Writing to a string can't fail.
            let _ = write!(xml, "<{name}>{}</{name}>", escaped(value));
        }
    }
    xml.push_str("</Error>");
    xml
}

/// Text as XML has it; what XML can't hold at all is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => {}
            other => out.push(other),
        }
    }
    out
}
