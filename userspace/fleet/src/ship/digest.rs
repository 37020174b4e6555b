//! `Content-MD5` on what is sent: a bucket with a lock insists on it. It is no signature; the SHA-256 that goes along is what
//! the store checks.

use http_body_util::BodyExt as _;
use md5::{Digest as _, Md5};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpService, ReqwestConnector,
};

/// Connects as usual.
#[derive(Debug, Default)]
pub(super) struct Digesting;

#[derive(Debug)]
struct Service(HttpClient);

impl HttpConnector for Digesting {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service(
            ReqwestConnector::default().connect(options)?,
        )))
    }
}

#[async_trait::async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.body().content_length() == 0 {
            return self.0.execute(request).await;
        }
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let digest = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, Md5::digest(&body));
        let value = digest
            .parse()
            .map_err(|error: http::header::InvalidHeaderValue| {
                HttpError::new(HttpErrorKind::Request, error)
            })?;
        parts.headers.insert("content-md5", value);
        self.0
            .execute(HttpRequest::from_parts(parts, HttpRequestBody::from(body)))
            .await
    }
}
