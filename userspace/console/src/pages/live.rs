//! What changes, as it does (server-sent events).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::sync::watch;

use crate::Console;
use crate::guard::{Failure, Who};
use crate::login::sessions::Use;

/// How often it is told even if nothing changed; a login that ended is noticed so soon.
const BEAT: Duration = Duration::from_secs(5);
const KIND: &str = "text/event-stream";
/// The login is over.
const OVER: &str = "event: over\ndata: {}\n\n";
/// Pages that listen at once.
const MOST: usize = 256;

static LISTENING: AtomicUsize = AtomicUsize::new(0);

struct Listening;

impl Listening {
    fn begin() -> Option<Self> {
        let begun = LISTENING.fetch_add(1, Ordering::Relaxed) < MOST;
        let listening = Self;
        begun.then_some(listening)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Feed {
    console: Arc<Console>,
    who: Who,
    certificate: Option<[u8; 32]>,
    changes: watch::Receiver<u64>,
    begun: bool,
    over: bool,
    _listening: Listening,
}

pub(super) async fn events(
    who: Option<Extension<Who>>,
    State(console): State<Arc<Console>>,
    request: axum::extract::Request,
) -> Response {
    // Not the way to the login: nobody would see it, and the script would ask again and again.
    let Some(Extension(who)) = who else {
        return ([(CONTENT_TYPE, KIND)], OVER).into_response();
    };
    let Some(listening) = Listening::begin() else {
        let what = format!("{MOST} pages listen already");
        return Failure(StatusCode::SERVICE_UNAVAILABLE, what).into_response();
    };
    let certificate = request
        .extensions()
        .get::<crate::guard::Peer>()
        .and_then(|peer| peer.certificate.as_ref())
        .map(|certificate| certificate.digest);
    let feed = Feed {
        changes: console.office.changes(),
        console,
        who,
        certificate,
        begun: false,
        over: false,
        _listening: listening,
    };
    let body = Body::from_stream(stream::unfold(feed, next));
    ([(CONTENT_TYPE, KIND)], body).into_response()
}

async fn next(mut feed: Feed) -> Option<(Result<Bytes, Infallible>, Feed)> {
    if feed.over {
        return None;
    }
    if feed.begun {
        // Timed out is as good: it is told how things are.
        let _ = tokio::time::timeout(BEAT, feed.changes.changed()).await;
        // A flood of them is told once.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    feed.begun = true;
    let sequence = *feed.changes.borrow_and_update();
    let there = feed
        .console
        .sessions
        .find(&feed.who.cookie, feed.certificate, Use::Page)
        .is_some();
    let text = if there {
        let waiting = feed.console.office.approvals(false).len();
        format!("event: state\ndata: {{\"waiting\":{waiting},\"sequence\":{sequence}}}\n\n")
    } else {
        feed.over = true;
        OVER.to_owned()
    };
    Some((Ok(Bytes::from(text)), feed))
}
