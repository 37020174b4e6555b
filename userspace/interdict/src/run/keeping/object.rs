//! An object store with object lock: what is put there can't be replaced or deleted before its time, by anybody.
//!
//! Two requests of S3's interface, signed by version 4 ("Create a signed AWS API request"): PUT with `If-None-Match: *` and a lock in mode
//! COMPLIANCE, and GET of what is there already.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use interdict_approvals::{HttpsClient, https_client};
use interdict_audit::{Anchor, AnchorError, Signed};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use crate::settings::{ObjectStore, SecretSource};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A seal is far smaller.
const LARGEST: usize = 16 << 20;

/// One bucket.
#[derive(Debug)]
pub(super) struct ObjectAnchor {
    name: String,
    store: ObjectStore,
    client: HttpsClient,
    runtime: Handle,
}

impl ObjectAnchor {
    pub(super) fn new(store: ObjectStore) -> anyhow::Result<Self> {
        Ok(Self {
            name: format!("s3://{}/{}", store.bucket, store.prefix),
            store,
            client: https_client()?,
            runtime: Handle::current(),
        })
    }

    async fn store(&self, signed: &Signed) -> Result<String, AnchorError> {
        let passing = |what: String| AnchorError::Passing(what);
        let body = signed.to_bytes();
        let key = [
            &*self.store.prefix,
            &interdict_audit::host_folder(&signed.seal.host),
            &format!("{:012}.json", signed.seal.number),
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/");
        let shown = format!("s3://{}/{key}", self.store.bucket);
        let lock = SignedDuration::try_from(self.store.lock).map_err(|error| passing(error.to_string()))?;
        let until = Timestamp::now()
            .checked_add(lock)
            .map_err(|error| passing(error.to_string()))?;
        let headers = [
            ("if-none-match", "*".to_owned()),
            ("x-amz-checksum-sha256", STANDARD.encode(Sha256::digest(&body))),
            ("x-amz-object-lock-mode", "COMPLIANCE".to_owned()),
            (
                "x-amz-object-lock-retain-until-date",
                until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            ),
            // A lock without it, or a Content-MD5, is refused.
            ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
        ];
        let (status, answer) = self.ask(Method::PUT, &key, &headers, body.clone()).await?;
        match status {
            StatusCode::OK => Ok(shown),
            StatusCode::PRECONDITION_FAILED => {
                let (status, found) = self.ask(Method::GET, &key, &[], Vec::new()).await?;
                if status != StatusCode::OK {
                    return Err(passing(format!(
                        "{shown}: it is there and can't be read: status {status}"
                    )));
                }
                if found == body {
                    Ok(shown)
                } else {
                    Err(AnchorError::Taken(shown))
                }
            }
            status => {
                // The code of S3's answer: no secret, and the one thing that tells a missing bucket from a wrong key.
                let text = String::from_utf8_lossy(&answer);
                let code = text
                    .split_once("<Code>")
                    .and_then(|(_, rest)| rest.split_once("</Code>"))
                    .map_or("", |(code, _)| code);
                Err(passing(format!("{shown}: status {status} {code}")))
            }
        }
    }

    async fn ask(
        &self,
        method: Method,
        key: &str,
        more: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), AnchorError> {
        let failed = |what: String| AnchorError::Passing(format!("{}: {what}", self.name));
        let read = |source: &SecretSource| source.read().map_err(|error| failed(error.to_string()));
        let (id, secret) = (
            read(&self.store.access_key_id)?,
            read(&self.store.secret_access_key)?,
        );
        let token = self.store.session_token.as_ref().map(read).transpose()?;
        let path = format!("/{}/{}", self.store.bucket, key);
        let digest = hex::encode(Sha256::digest(&body));
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut headers: Vec<(String, String)> = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        headers.push(("host".to_owned(), self.store.authority.clone()));
        headers.push(("x-amz-content-sha256".to_owned(), digest.clone()));
        headers.push(("x-amz-date".to_owned(), time.clone()));
        if let Some(token) = &token {
            let token = String::from_utf8_lossy(token.reveal()).into_owned();
            headers.push(("x-amz-security-token".to_owned(), token));
        }
        headers.sort();
        let authorization = authorization(
            method.as_str(),
            &path,
            &headers,
            &digest,
            &self.store.region,
            &String::from_utf8_lossy(id.reveal()),
            secret.reveal(),
        )
        .ok_or_else(|| failed("the keys can't be used".to_owned()))?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!(
                "{}://{}{}",
                self.store.scheme,
                self.store.authority,
                encoded(&path)
            ))
            .header("authorization", authorization);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::from(body))
            .map_err(|error| failed(error.to_string()))?;
        let answer = tokio::time::timeout(PATIENCE, async {
            let answer = self.client.request(request).await.map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                failed(format!("{error} {}", cause.unwrap_or_default()))
            })?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| failed(error.to_string()))?;
            Ok((status, body.to_bytes()))
        });
        answer
            .await
            .unwrap_or_else(|_| Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))))
    }
}

impl Anchor for ObjectAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    fn put(&self, signed: &Signed) -> Result<String, AnchorError> {
        self.runtime.block_on(self.store(signed))
    }
}

/// The `Authorization` of a request without a query. `headers` are sorted by name and have the time.
fn authorization(
    method: &str,
    path: &str,
    headers: &[(String, String)],
    digest: &str,
    region: &str,
    id: &str,
    secret: &[u8],
) -> Option<String> {
    let (_, time) = headers.iter().find(|(name, _)| name == "x-amz-date")?;
    let day = time.get(..8)?;
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed = names.join(";");
    let fields = headers.iter().fold(String::new(), |text, (name, value)| {
        format!("{text}{name}:{}\n", value.trim())
    });
    let request = format!("{method}\n{}\n\n{fields}\n{signed}\n{digest}", encoded(path));
    let scope = format!("{day}/{region}/s3/aws4_request");
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex::encode(Sha256::digest(request.as_bytes()))
    );
    let mut first = zeroize::Zeroizing::new(b"AWS4".to_vec());
    first.extend_from_slice(secret);
    let mut key = mac(&first, day.as_bytes())?;
    for part in [region, "s3", "aws4_request"] {
        key = mac(&key, part.as_bytes())?;
    }
    let signature = hex::encode(mac(&key, text.as_bytes())?);
    Some(format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}"
    ))
}

fn mac(key: &[u8], text: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(zeroize::Zeroizing::new(mac.finalize().into_bytes().to_vec()))
}

/// All but what RFC 3986 leaves as it is, and slashes.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "GET Object" of "Signature Calculations for the Authorization Header" in Amazon S3's API reference.
    #[test]
    fn amazons_own_example() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", empty),
            ("x-amz-date", "20130524T000000Z"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = authorization(
            "GET",
            "/test.txt",
            &headers,
            empty,
            "us-east-1",
            "AKIAIOSFODNN7EXAMPLE",
            b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        );
        let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert!(found.unwrap().ends_with(&format!("Signature={signature}")));
        assert_eq!(encoded("/a b/ü.json"), "/a%20b/%C3%BC.json");
    }
}
