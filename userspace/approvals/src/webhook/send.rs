//! Telling webhooks: by tasks of their own, so that nobody waits for them.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::Full;
use tokio::sync::{Semaphore, mpsc};

use super::client::{HttpsClient, https_client};
use super::{Webhook, form, seconds, sign};
use crate::{Approval, Notice};

/// Messages under way at once.
const AT_ONCE: usize = 64;
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often one is tried, and the first pause; each is twice the one before.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// Tells webhooks.
#[derive(Clone, Debug)]
pub struct Sender {
    client: HttpsClient,
    webhooks: Arc<[Arc<Webhook>]>,
    room: Arc<Semaphore>,
}

/// Why webhooks can't be told.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// TLS can't be set up.
    #[error("setting up TLS for webhooks")]
    Tls(#[from] rustls::Error),
}

/// Why one message did not arrive.
#[derive(Debug)]
enum Failure {
    /// It may, later.
    Passing(String),
    /// It never will.
    Lasting(String),
}

impl Sender {
    /// Certificates are held against the system's store, read here.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub fn new(webhooks: &[Arc<Webhook>]) -> Result<Self, SendError> {
        Ok(Self {
            client: https_client()?,
            webhooks: webhooks.into(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// Passes on what the desk tells, until the desk is gone.
    pub async fn run(self, mut notices: mpsc::Receiver<Notice>) {
        while let Some(notice) = notices.recv().await {
            let (event, approval) = match notice {
                Notice::Requested(approval) => ("requested", approval),
                Notice::Decided(approval) => ("decided", approval),
            };
            for webhook in &*self.webhooks {
                let wanted = match event {
                    "requested" => webhook.on_requested,
                    _ => webhook.on_decided,
                };
                if wanted {
                    let (this, webhook) = (self.clone(), Arc::clone(webhook));
                    let approval = Arc::clone(&approval);
                    tokio::spawn(async move { this.tell(&webhook, event, &approval).await });
                }
            }
        }
    }

    async fn tell(&self, webhook: &Webhook, event: &str, approval: &Approval) {
        let body = form::body(webhook.form, event, approval).to_string();
        let mut pause = PAUSE;
        for attempt in 1..=TRIES {
            let why = match self.post(webhook, &webhook.url, body.clone()).await {
                Ok(()) => return,
                Err(Failure::Lasting(why)) => {
                    tracing::error!(webhook = webhook.name, approval = %approval.id, event, why, "a webhook refuses what it is told");
                    return;
                }
                Err(Failure::Passing(why)) => why,
            };
            if attempt == TRIES {
                tracing::error!(webhook = webhook.name, approval = %approval.id, event, why, "a webhook could not be told");
                return;
            }
            tracing::warn!(webhook = webhook.name, approval = %approval.id, event, why, "a webhook is told again");
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// Sends something of another room's, once, signed for its time.
    ///
    /// # Errors
    /// It did not arrive: why, in words, without the URL.
    pub async fn deliver(&self, webhook: &Webhook, body: String) -> Result<(), String> {
        let sent = self.post(webhook, &webhook.url, body).await;
        sent.map_err(|(Failure::Passing(why) | Failure::Lasting(why))| why)
    }

    /// One try, signed for its time.
    async fn post(&self, webhook: &Webhook, to: &Uri, body: String) -> Result<(), Failure> {
        let lasting = |why: &str| Failure::Lasting(why.to_owned());
        let time = seconds().to_string();
        let signature = sign::sign("v1", &webhook.secret, &time, body.as_bytes())
            .ok_or_else(|| lasting("the secret can't be used"))?;
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [("interdict-timestamp", time), ("interdict-signature", signature)] {
            let value = HeaderValue::try_from(value).map_err(|_| lasting("a header can't be written"))?;
            headers.insert(name, value);
        }
        let answer = async {
            let _place = self.room.acquire().await;
            tokio::time::timeout(PATIENCE, self.client.request(request)).await
        };
        let status = match answer.await {
            Err(_) => {
                return Err(Failure::Passing(format!(
                    "no answer within {} s",
                    PATIENCE.as_secs()
                )));
            }
            // Without the URL, which may be a secret.
            Ok(Err(error)) => return Err(Failure::Passing(causes(&error))),
            Ok(Ok(response)) => response.status(),
        };
        match status.as_u16() {
            200..300 => Ok(()),
            408 | 425 | 429 | 500..600 => Err(Failure::Passing(format!("status {status}"))),
            _ => Err(Failure::Lasting(format!("status {status}"))),
        }
    }

    /// Says something where a button was pressed.
    pub(super) async fn reply(&self, webhook: &Webhook, to: &Uri, text: &str) {
        let body =
            serde_json::json!({ "text": text, "response_type": "ephemeral", "replace_original": false });
        if let Err(Failure::Passing(why) | Failure::Lasting(why)) =
            self.post(webhook, to, body.to_string()).await
        {
            tracing::warn!(
                webhook = webhook.name,
                why,
                "an answer to a button did not arrive"
            );
        }
    }
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
