//! Asking a time stamping authority, by HTTP (RFC 3161, section 3.4).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use interdict_approvals::{HttpsClient, https_client};
use interdict_audit::StampAnchor;
use tokio::runtime::Handle;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A token with its certificates has a few thousand bytes.
const LARGEST: usize = 256 << 10;

/// An anchor that has seals stamped there.
pub(super) fn anchor(audit: &std::path::Path, name: &str, url: &Uri) -> anyhow::Result<StampAnchor> {
    let (client, url, runtime) = (https_client()?, url.clone(), Handle::current());
    Ok(StampAnchor::new(audit, name, move |request| {
        let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
        // The clock of a time limit is the runtime's: it is made within.
        let asked = async { tokio::time::timeout(PATIENCE, ask(&client, &url, request)).await };
        runtime.block_on(asked).unwrap_or_else(late)
    }))
}

async fn ask(client: &HttpsClient, url: &Uri, query: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut request = Request::new(Full::new(Bytes::from(query)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.clone();
    let kind = HeaderValue::from_static("application/timestamp-query");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    let answer = client.request(request).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error} {}", cause.unwrap_or_default())
    })?;
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(format!("status {status}"));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    body.map(|body| body.to_bytes().to_vec())
        .map_err(|error| error.to_string())
}
