//! What a service of HTTP is shown: `bearer`, `basic`, `header` or `sigv4`.

use super::super::super::node::{Node, Value};
use super::super::super::problems::Problems;
use super::super::super::{AccessKeyId, AwsKeys, HttpCredential};
use super::super::secret;

const KINDS: [&str; 4] = ["bearer", "basic", "header", "sigv4"];

pub(super) fn credential(node: &Node, problems: &mut Problems) -> Option<HttpCredential> {
    let (key, value) = problems.choice(node, "`inject` for HTTP", &KINDS)?;
    match key.name.as_str() {
        "bearer" => Some(HttpCredential::Field {
            name: "Authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
            value: secret::renewed(value, "the token", problems)?,
        }),
        "basic" => basic(value, problems),
        "header" => header(value, problems),
        _ => sigv4(value, problems),
    }
}

fn basic(node: &Node, problems: &mut Problems) -> Option<HttpCredential> {
    let fields = problems.fields(node, "`basic`", &["user", "password"])?;
    let user = fields.require("user", "a user of the service", problems);
    let password = fields.require("password", "where the password comes from", problems);
    let user = user.and_then(|node| {
        let user = problems.text(node, "a user of the service")?;
        if user.contains(':') {
            problems.add(node.at, "expected a user without `:`, which ends it");
            return None;
        }
        Some(user.to_owned())
    });
    let password = password.and_then(|node| secret::renewed(node, "the password", problems));
    Some(HttpCredential::Basic {
        user: user?,
        password: password?,
    })
}

fn header(node: &Node, problems: &mut Problems) -> Option<HttpCredential> {
    let fields = problems.fields(node, "`header`", &["name", "prefix", "value"])?;
    let name = fields.require("name", "the header's name, such as `X-Api-Key`", problems);
    let name = name.and_then(|node| self::name(node, problems));
    let prefix = match fields.get("prefix") {
        None => Some(String::new()),
        Some(node) => match &node.value {
            Value::Text(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => Some(text.clone()),
            _ => {
                problems.expected(node, "what the value begins with, such as `Token `");
                None
            }
        },
    };
    let value = fields.require("value", "where the value comes from", problems);
    let value = value.and_then(|node| secret::renewed(node, "the value", problems));
    Some(HttpCredential::Field {
        name: name?,
        prefix: prefix?,
        value: value?,
    })
}

/// One that says nothing of the message itself.
fn name(node: &Node, problems: &mut Problems) -> Option<String> {
    const OF_THE_MESSAGE: [&str; 12] = [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let name = problems.text(node, "the header's name")?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(token) || OF_THE_MESSAGE.contains(&&*name.to_ascii_lowercase()) {
        problems.add(
            node.at,
            "expected the name of a header for credentials, such as `X-Api-Key`",
        );
        return None;
    }
    Some(name.to_owned())
}

fn sigv4(node: &Node, problems: &mut Problems) -> Option<HttpCredential> {
    const KEYS: [&str; 6] = [
        "access_key_id",
        "secret_access_key",
        "session_token",
        "credentials",
        "region",
        "service",
    ];
    let fields = problems.fields(node, "`sigv4`", &KEYS)?;
    let mut word = |name: &str, what: &str| match fields.get(name) {
        None => Some(None),
        Some(node) => problems.text(node, what).map(|text| Some(text.to_owned())),
    };
    let region = word("region", "a region such as `eu-central-1`");
    let service = word("service", "the service's name in signatures, such as `s3`");
    let keys = if let Some(node) = fields.get("credentials") {
        for name in ["access_key_id", "secret_access_key", "session_token"] {
            if let Some(at) = fields.key(name) {
                problems.add(
                    at,
                    format!("`{name}` has no use with `credentials`, which gives all of them"),
                );
            }
        }
        AwsKeys::Process(secret::renewed(node, "what gives the keys", problems)?)
    } else {
        let id = fields.require("access_key_id", "the key's name", problems);
        let secret = fields.require("secret_access_key", "where the key comes from", problems);
        let id = id.and_then(|node| match &node.value {
            Value::Text(text) => Some(AccessKeyId::Text(text.clone())),
            _ => secret::renewed(node, "the key's name", problems).map(AccessKeyId::Source),
        });
        let secret = secret.and_then(|node| secret::renewed(node, "the key", problems));
        let token = match fields.get("session_token") {
            Some(node) => Some(secret::renewed(node, "the token", problems)?),
            None => None,
        };
        AwsKeys::Each {
            access_key_id: id?,
            secret_access_key: secret?,
            session_token: token,
        }
    };
    Some(HttpCredential::SigV4 {
        keys,
        region: region?,
        service: service?,
    })
}
