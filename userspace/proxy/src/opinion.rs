//! Asking a service outside what texts hold: the HTTP interface of Microsoft Presidio's analyzer.
//!
//! `POST URL/analyze` with a list of texts; for each text a list of places, in characters, and what is there. Nothing of a
//! text or of an answer is ever logged or told to a client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use interdict_masking::Finding;
use interdict_policy::Opinion;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::tls::{TlsError, web};

/// Questions under way at once. What is over waits, and its time runs.
const AT_ONCE: usize = 64;
/// A longer answer is no answer: some hundred bytes for a place, of which no question has so many.
const LONGEST_ANSWER: usize = 8 << 20;
/// Failures are logged no more often than this, in microseconds.
const LOG_EVERY: i64 = 10_000_000;

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Asks services, by tasks of another runtime: session threads have no right to names and files.
#[derive(Clone, Debug)]
pub struct Opinions {
    client: HttpClient,
    runtime: Handle,
    room: Arc<Semaphore>,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    last: AtomicI64,
    unlogged: AtomicU64,
}

/// Why there is no answer. Its text goes to the client, the log and the record.
#[derive(Debug, thiserror::Error)]
enum OpinionError {
    #[error("it took longer than {} ms", .0.as_millis())]
    Late(Duration),
    #[error("the service could not be reached")]
    Reach(#[source] hyper_util::client::legacy::Error),
    #[error("the service's URL can't be used")]
    Url(#[from] http::Error),
    #[error("the question could not be written")]
    Question(#[source] serde_json::Error),
    #[error("the service answered with status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the service's answer broke off or is too long")]
    Broken,
    #[error("the service's answer has another form than an analyzer's")]
    Form,
    #[error("the daemon is ending")]
    Ending,
}

/// As the analyzer's interface has it.
#[derive(Serialize)]
struct Body<'a> {
    text: &'a [String],
    language: &'a str,
    score_threshold: f64,
    entities: &'a [String],
}

#[derive(Deserialize)]
struct Found {
    entity_type: String,
    start: usize,
    end: usize,
}

impl Opinions {
    /// By tasks of `runtime`. Certificates are held against the system's store, read here.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(runtime: Handle) -> Result<Self, TlsError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(web()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_mins(1))
            .build(https);
        Ok(Self {
            client,
            runtime,
            room: Arc::new(Semaphore::new(AT_ONCE)),
            log: Arc::default(),
        })
    }

    /// Asks; what was found in each of the texts, or why there is no answer. Given up when the future is dropped.
    pub(crate) async fn ask(
        &self,
        opinion: Opinion,
        texts: Arc<[String]>,
    ) -> Result<Vec<Vec<Finding>>, String> {
        let (client, room) = (self.client.clone(), Arc::clone(&self.room));
        let url = opinion.url.clone();
        let asked = self.runtime.spawn(async move {
            let answer = async {
                let _place = room.acquire_owned().await;
                analyze(&client, &opinion, &texts).await
            };
            tokio::time::timeout(opinion.timeout, answer)
                .await
                .unwrap_or(Err(OpinionError::Late(opinion.timeout)))
        });
        let answer = AbortOnDropHandle::new(asked)
            .await
            .unwrap_or(Err(OpinionError::Ending));
        answer.map_err(|error| {
            self.log.failure(&url, &error);
            error.to_string()
        })
    }
}

async fn analyze(
    client: &HttpClient,
    opinion: &Opinion,
    texts: &[String],
) -> Result<Vec<Vec<Finding>>, OpinionError> {
    let body = serde_json::to_vec(&Body {
        text: texts,
        language: &opinion.language,
        score_threshold: opinion.threshold,
        entities: &opinion.entities,
    });
    let mut request = Request::new(Full::from(body.map_err(OpinionError::Question)?));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::try_from(format!("{}/analyze", opinion.url)).map_err(http::Error::from)?;
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    let response = client.request(request).await.map_err(OpinionError::Reach)?;
    if response.status() != StatusCode::OK {
        return Err(OpinionError::Status(response.status()));
    }
    let answer = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    let answer = answer.map_err(|_| OpinionError::Broken)?.to_bytes();
    // What serde says of it could quote it.
    let found: Vec<Vec<Found>> = serde_json::from_slice(&answer).map_err(|_| OpinionError::Form)?;
    let finding = |found: Found| Finding {
        range: found.start..found.end,
        kind: found.entity_type,
    };
    let findings = found
        .into_iter()
        .map(|found| found.into_iter().map(finding).collect());
    Ok(findings.collect())
}

impl Log {
    fn failure(&self, url: &str, error: &OpinionError) {
        let (now, last) = (crate::now(), self.last.load(Ordering::Relaxed));
        let due = now - last >= LOG_EVERY
            && self
                .last
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !due {
            self.unlogged.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let unlogged = self.unlogged.swap(0, Ordering::Relaxed);
        let cause = std::error::Error::source(error).map(causes);
        tracing::warn!(url, %error, cause, unlogged, "a second opinion could not be had");
    }
}

/// An error and what is behind it.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
