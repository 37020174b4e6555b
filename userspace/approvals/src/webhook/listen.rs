//! The listener for answers: `POST /webhooks/NAME`, signed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::answer::{self, Wrong};
use super::{Sender, Webhook, seconds, sign};
use crate::{Desk, Refused, Say};

/// Connections at once.
const AT_ONCE: usize = 64;
/// From a connection's first byte to its last.
const PATIENCE: Duration = Duration::from_secs(15);
/// A longer body is none of ours.
const LONGEST: usize = 64 << 10;
/// Signatures that are remembered; whoever has the secret could send no more in the window.
const REMEMBERED: usize = 100_000;

struct Listener {
    desk: Arc<Desk>,
    webhooks: Vec<Arc<Webhook>>,
    sender: Sender,
    /// Signatures that were used, and when.
    used: Mutex<HashMap<String, i64>>,
}

/// Takes answers until it is dropped.
pub async fn listen(listener: TcpListener, desk: Arc<Desk>, webhooks: Vec<Arc<Webhook>>, sender: Sender) {
    let here = Arc::new(Listener {
        desk,
        webhooks,
        sender,
        used: Mutex::default(),
    });
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "accepting answers of webhooks failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let here = Arc::clone(&here);
        tokio::spawn(async move {
            let service = service_fn(|request| async {
                let (status, body) = here.serve(request).await;
                let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(PATIENCE, connection).await;
            drop(place);
        });
    }
}

type Told = (StatusCode, serde_json::Value);

fn told(status: StatusCode, why: &str) -> Told {
    (status, json!({ "error": why }))
}

impl Listener {
    async fn serve(&self, request: Request<Incoming>) -> Told {
        let (head, body) = request.into_parts();
        let name = head.uri.path().strip_prefix("/webhooks/");
        let webhook = name.and_then(|name| self.webhooks.iter().find(|webhook| webhook.name == name));
        let Some(webhook) = webhook else {
            return told(StatusCode::NOT_FOUND, "expected POST /webhooks/NAME");
        };
        if head.method != Method::POST {
            return told(StatusCode::METHOD_NOT_ALLOWED, "expected POST");
        }
        let Ok(body) = Limited::new(body, LONGEST).collect().await else {
            return told(
                StatusCode::PAYLOAD_TOO_LARGE,
                "it broke off, or has more than 64 KiB",
            );
        };
        let body = body.to_bytes();
        let Ok(signature) = answer::check(webhook, &head.headers, &body, seconds()) else {
            tracing::warn!(
                webhook = webhook.name,
                "an answer without a right signature of now: refused"
            );
            return told(
                StatusCode::UNAUTHORIZED,
                "it is not signed with the webhook's secret, or its time is not now",
            );
        };
        if !self.first(&webhook.name, &signature) {
            tracing::warn!(webhook = webhook.name, "an answer that was sent before: refused");
            return told(StatusCode::CONFLICT, "it was sent before");
        }
        let answer = match answer::read(webhook, &body) {
            Ok(answer) => answer,
            Err(Wrong::Unread(why)) => return told(StatusCode::BAD_REQUEST, why),
            Err(Wrong::Unsigned) => return told(StatusCode::UNAUTHORIZED, "it is not signed"),
        };
        self.decide(webhook, answer).await
    }

    async fn decide(&self, webhook: &Arc<Webhook>, answer: answer::Answer) -> Told {
        let say = Say {
            approve: answer.approve,
            reason: answer.reason,
            grant: None,
        };
        let said = self
            .desk
            .say(&answer.approval.to_string(), &answer.person, say)
            .await;
        let (status, body, sentence) = match said {
            Ok(approval) => {
                let sentence = format!("{} is {}", approval.id, approval.state.as_str());
                let body = json!({ "approval": approval.id, "state": approval.state });
                (StatusCode::OK, body, sentence)
            }
            Err(refused) => {
                let status = match &refused {
                    Refused::NotFound(_) => StatusCode::NOT_FOUND,
                    Refused::NotPermitted(_) => StatusCode::FORBIDDEN,
                    Refused::TooLate(_) => StatusCode::CONFLICT,
                    Refused::Invalid(_) => StatusCode::BAD_REQUEST,
                    Refused::NotRecorded(_) | Refused::HalfDone(_) => StatusCode::SERVICE_UNAVAILABLE,
                };
                let why = refused.to_string();
                (status, json!({ "error": why }), why)
            }
        };
        if let Some(to) = answer.reply {
            let (sender, webhook) = (self.sender.clone(), Arc::clone(webhook));
            tokio::spawn(async move { sender.reply(&webhook, &to, &sentence).await });
            // Its own answer is read by nobody there, and another status would be shown as a defect of ours.
            return (StatusCode::OK, body);
        }
        (status, body)
    }

    /// Whether a signature was not used before, within the time that it holds.
    fn first(&self, webhook: &str, signature: &str) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = seconds();
        if used.len() >= REMEMBERED {
            used.retain(|_, at| now.saturating_sub(*at) <= sign::WINDOW.saturating_mul(2));
        }
        // One that can't be remembered could come again.
        used.len() < REMEMBERED && used.insert(format!("{webhook} {signature}"), now).is_none()
    }
}
