//! HTTP/2: requests side by side, all in the connection's own task.

mod fields;
mod shown;

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use interdict_policy::Ruling;
use interdict_record::Record;
use interdict_session::http::{Engine, Exchange, Flow, Forward, Step};
use interdict_session::{EndReason, LastWords, Output};
use interdict_wire::http::Framing;

use self::shown::{Shown, keep_reply, reply, send, send_on};
use super::{Opened, Way, commit};
use crate::connection::{Connection, ServeError};
use crate::credentials::http::{Injection, inject};
use crate::holding;
use crate::orders::{self, Ending};
use crate::rewound::{Passed, Rewound};
use crate::stream::Stream;
use crate::tape::Tape;
use crate::{Proxy, now};

/// Bytes of a stream, and of a connection, on their way before the sender has to wait.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Requests under way at once on one connection.
const STREAMS: u32 = 128;
/// Bytes of a head's fields.
const FIELDS: u32 = 64 << 10;

/// What the requests of a connection share.
struct Shared<'a> {
    proxy: &'a Proxy,
    engine: Mutex<Engine>,
    way: Way<'a>,
    /// The connection to the service, once there is one.
    service: tokio::sync::Mutex<Option<SendRequest<Bytes>>>,
    /// Answers come side by side: each has one beside this.
    tape: Mutex<Tape>,
    /// Records of exchanges whose task was dropped.
    cut: Mutex<Vec<Record>>,
}

/// Why an exchange ends early.
enum Broken {
    /// The client's side is gone, or has given up.
    Client,
    /// Nothing more can be written down, so nothing more is done.
    Audit(ServeError),
}

impl From<h2::Error> for Broken {
    fn from(_: h2::Error) -> Self {
        Self::Client
    }
}

impl From<ServeError> for Broken {
    fn from(error: ServeError) -> Self {
        Self::Audit(error)
    }
}

/// Serves a connection that is open to its end.
pub(super) async fn serve(proxy: &Proxy, connection: &Connection, opened: Opened) -> Result<(), ServeError> {
    let shared = Shared {
        tape: Mutex::new(connection.tape()),
        proxy,
        engine: Mutex::new(opened.engine(proxy, connection)),
        way: opened.way(connection),
        service: tokio::sync::Mutex::new(None),
        cut: Mutex::default(),
    };
    if let Some(server) = opened.server {
        *shared.service.lock().await = shake_hands(server).await.ok();
    }
    let passed = Passed::default();
    let client = Rewound::new(opened.client, opened.left, passed.clone());
    let (result, reason) = shared.run(client).await;
    let mut out = Output::default();
    out.records = lock(&shared.tape).finish(now());
    out.records.append(&mut *lock(&shared.cut));
    {
        let mut engine = lock(&shared.engine);
        engine.passed(passed.read(), passed.written());
        engine.finish(reason, now(), &mut out);
    }
    commit(proxy, &mut out).await?;
    result
}

/// The connection to the service runs in a task of its own, until nobody holds it any more.
async fn shake_hands(server: Stream) -> Result<SendRequest<Bytes>, h2::Error> {
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(FIELDS)
        .enable_push(false)
        .handshake(server)
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "HTTP/2 with a service ended");
        }
    });
    Ok(sender)
}

impl Shared<'_> {
    async fn run(&self, client: Rewound) -> (Result<(), ServeError>, EndReason) {
        let accepted = h2::server::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(FIELDS)
            .handshake::<_, Bytes>(client)
            .await;
        let Ok(mut client) = accepted else {
            return (Ok(()), EndReason::Desynchronised);
        };
        let workload = self.way.connection.workload.as_deref();
        let mut orders = self.proxy.orders.clone();
        let mut under_way = FuturesUnordered::new();
        let mut told = None;
        let mut patience = std::pin::pin!(tokio::time::sleep(self.proxy.drain));
        loop {
            tokio::select! {
                next = client.accept() => match next {
                    Some(Ok((request, respond))) => under_way.push(self.exchange(request, respond)),
                    Some(Err(error)) => {
                        let ours = !error.is_io() && !error.is_remote();
                        let reason = if ours { EndReason::Desynchronised } else { EndReason::Client };
                        return (Ok(()), told.unwrap_or(reason));
                    }
                    None => return (Ok(()), told.unwrap_or(EndReason::Client)),
                },
                Some(done) = under_way.next(), if !under_way.is_empty() => {
                    if let Err(error) = done {
                        client.abrupt_shutdown(Reason::INTERNAL_ERROR);
                        return (Err(error), EndReason::Error);
                    }
                }
                ending = orders::ending(&mut orders, workload), if told.is_none() => {
                    told = Some(EndReason::from(ending));
                    match ending {
                        Ending::Quarantine => client.abrupt_shutdown(Reason::REFUSED_STREAM),
                        Ending::Stop => client.graceful_shutdown(),
                    }
                    patience.as_mut().reset(tokio::time::Instant::now() + self.proxy.drain);
                }
                () = &mut patience, if told.is_some() => client.abrupt_shutdown(Reason::CANCEL),
            }
        }
    }

    /// One request with its answer. An error is the connection's.
    async fn exchange(
        &self,
        request: http::Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), ServeError> {
        match self.try_exchange(request, &mut respond).await {
            Ok(()) => Ok(()),
            Err(Broken::Client) => {
                respond.send_reset(Reason::CANCEL);
                Ok(())
            }
            Err(Broken::Audit(error)) => {
                let _ = reply(&mut respond, Engine::last_words(LastWords::Audit));
                Err(error)
            }
        }
    }

    async fn try_exchange(
        &self,
        request: http::Request<RecvStream>,
        respond: &mut SendResponse<Bytes>,
    ) -> Result<(), Broken> {
        let (parts, mut body) = request.into_parts();
        let mut out = Output::default();
        let framing = fields::framing(&parts.headers, body.is_end_stream());
        let head = match fields::request(parts) {
            Ok(head) => head,
            Err(why) => {
                let answer = lock(&self.engine).refuse_bytes(why, now(), &mut out);
                keep_reply(&mut lock(&self.tape).beside(), &answer, &mut out);
                commit(self.proxy, &mut out).await?;
                reply(respond, answer)?;
                return Ok(());
            }
        };
        let (exchange, mut step) = lock(&self.engine).begin(head, framing, now(), &mut out);
        let mut exchange = Guard {
            shared: self,
            exchange: Some(exchange),
            tape: lock(&self.tape).beside(),
        };
        exchange.commit(&step, &mut out).await?;
        while let Step::Body = step {
            step = match body.data().await {
                Some(Ok(data)) => {
                    let _ = body.flow_control().release_capacity(data.len());
                    exchange.with(|engine, exchange| engine.body(exchange, &data, now(), &mut out))
                }
                Some(Err(_)) => return Err(Broken::Client),
                None => exchange.with(|engine, exchange| engine.body_end(exchange, now(), &mut out)),
            }
            .ok_or(Broken::Client)?;
            exchange.commit(&step, &mut out).await?;
        }
        while let Step::Wait = step {
            let ruling = match out.petition.take() {
                Some(petition) => {
                    let about = self.way.connection.about();
                    let answer = holding::ask(&self.proxy.desk, &self.proxy.cancels, *petition, about, None);
                    tokio::select! {
                        ruling = answer => ruling,
                        _ = poll_fn(|cx| respond.poll_reset(cx)) => return Err(Broken::Client),
                    }
                }
                None => Ruling::Unavailable("nothing was asked".to_owned()),
            };
            step = exchange
                .with(|engine, exchange| engine.on_ruling(exchange, ruling, now(), &mut out))
                .ok_or(Broken::Client)?;
            exchange.commit(&step, &mut out).await?;
        }
        match step {
            Step::Body | Step::Wait => Ok(()),
            Step::Refuse(answer) => {
                exchange.forget();
                reply(respond, answer)?;
                // The library tells the client that the rest of its body is not wanted, once the answer is sent.
                Ok(())
            }
            Step::Forward(forward) => self.forward(*forward, body, respond, &mut exchange).await,
        }
    }

    async fn forward(
        &self,
        mut forward: Forward,
        body: RecvStream,
        respond: &mut SendResponse<Bytes>,
        exchange: &mut Guard<'_>,
    ) -> Result<(), Broken> {
        let injected = inject(self.proxy, self.way.connection, &mut forward, self.way.tls).await?;
        let Forward {
            mut head,
            framing,
            body: held,
        } = forward;
        let injection = match injected {
            Ok(injection) => injection,
            Err(why) => {
                let mut out = Output::default();
                let flow =
                    exchange.with(|engine, exchange| engine.not_logged_in(exchange, &why, now(), &mut out));
                let mut shown = Shown::new(respond, exchange.is_head(), exchange.tape.take());
                self.show(flow, &mut shown, &mut out).await?;
                return Ok(());
            }
        };
        let ends = held.as_ref().map_or(framing == Framing::None, Bytes::is_empty);
        if let Some(held) = &held {
            Framing::Length(held.len() as u64).set(&mut head.headers);
        }
        let scheme = if self.way.tls { "https" } else { "http" };
        let sent = match (fields::to_request(&head, scheme), self.sender().await) {
            (Ok(request), Ok(mut sender)) => sender
                .send_request(request, ends)
                .map_err(|error| error.to_string()),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let mut shown = Shown::new(respond, exchange.is_head(), exchange.tape.take());
        let (answer, upload) = match sent {
            Ok(sent) => sent,
            Err(why) => return self.unanswered(&why, exchange, &mut shown).await,
        };
        let mut upload = std::pin::pin!(async move {
            if ends {
                return Ok(());
            }
            match held {
                Some(held) => send(&mut { upload }, held, true).await,
                None => send_on(body, upload).await,
            }
        });
        let mut download = std::pin::pin!(self.download(answer, injection, &mut shown, exchange));
        let mut sending = true;
        loop {
            tokio::select! {
                done = &mut download => return done,
                sent = &mut upload, if sending => {
                    sending = false;
                    // A service that wants no more of the body may answer all the same.
                    if let Err(Broken::Client) = sent { return Err(Broken::Client) }
                }
            }
        }
    }

    /// Waits for the answer and passes it on.
    async fn download(
        &self,
        answer: ResponseFuture,
        mut injection: Option<Injection>,
        shown: &mut Shown<'_>,
        exchange: &mut Guard<'_>,
    ) -> Result<(), Broken> {
        let answered = tokio::select! {
            answered = answer => answered,
            () = shown.given_up() => return Err(Broken::Client),
        };
        let (parts, mut body) = match answered {
            Ok(answered) => answered.into_parts(),
            Err(error) => {
                return self
                    .unanswered(&format!("the service gave no answer: {error}"), exchange, shown)
                    .await;
            }
        };
        let framing = match fields::framing(&parts.headers, body.is_end_stream()) {
            // An empty body is one that can be told the length of, but for HEAD and the like.
            Framing::None if !exchange.is_head() && !matches!(parts.status.as_u16(), 204 | 304) => {
                Framing::Length(0)
            }
            other => other,
        };
        let mut head = match fields::response(&parts) {
            Ok(head) => head,
            Err(why) => return self.unanswered(why, exchange, shown).await,
        };
        if let Some(injection) = &mut injection {
            injection.answered(head.status, &mut head.headers);
        }
        let mut out = Output::default();
        let flow = exchange.with(|engine, exchange| engine.answer(exchange, head, framing, now(), &mut out));
        if self.show(flow, shown, &mut out).await? {
            return Ok(());
        }
        loop {
            let data = tokio::select! {
                data = body.data() => data,
                () = shown.given_up() => return Err(Broken::Client),
            };
            let data = match data {
                Some(Ok(data)) => data,
                Some(Err(error)) => {
                    return self
                        .unanswered(
                            &format!("the service broke off its answer: {error}"),
                            exchange,
                            shown,
                        )
                        .await;
                }
                None => break,
            };
            let taken = data.len();
            let data = match &mut injection {
                Some(injection) => injection.body(data),
                None => data,
            };
            let flow = exchange.with(|engine, exchange| engine.data(exchange, &data, now(), &mut out));
            if self.show(flow, shown, &mut out).await? {
                return Ok(());
            }
            let _ = body.flow_control().release_capacity(taken);
        }
        let held = injection.as_mut().map(Injection::end).unwrap_or_default();
        if !held.is_empty() {
            let flow = exchange.with(|engine, exchange| engine.data(exchange, &held, now(), &mut out));
            if self.show(flow, shown, &mut out).await? {
                return Ok(());
            }
        }
        let trailers = match body.trailers().await {
            Ok(trailers) => trailers.map(|trailers| fields::headers(&trailers)),
            Err(error) => {
                return self
                    .unanswered(
                        &format!("the service broke off its answer: {error}"),
                        exchange,
                        shown,
                    )
                    .await;
            }
        };
        let mut trailers = trailers.and_then(Result::ok).unwrap_or_default();
        if let Some(injection) = &mut injection {
            injection.trailers(&mut trailers);
        }
        let flow = exchange.with(|engine, exchange| engine.end(exchange, trailers, now(), &mut out));
        self.show(flow, shown, &mut out).await?;
        Ok(())
    }

    async fn unanswered(
        &self,
        why: &str,
        exchange: &mut Guard<'_>,
        shown: &mut Shown<'_>,
    ) -> Result<(), Broken> {
        let mut out = Output::default();
        let flow = exchange.with(|engine, exchange| engine.unanswered(exchange, why, now(), &mut out));
        self.show(flow, shown, &mut out).await?;
        Ok(())
    }

    /// Writes down, then shows. True if that was the last of it.
    async fn show(
        &self,
        flow: Option<Flow>,
        shown: &mut Shown<'_>,
        out: &mut Output,
    ) -> Result<bool, Broken> {
        shown.keep(flow.as_ref(), out);
        commit(self.proxy, out).await?;
        match flow {
            Some(flow) => shown.show(flow).await,
            None => Ok(true),
        }
    }

    /// The service's side, reached anew if need be.
    async fn sender(&self) -> Result<SendRequest<Bytes>, String> {
        let mut service = self.service.lock().await;
        if let Some(known) = service.take()
            && let Ok(ready) = known.ready().await
        {
            *service = Some(ready.clone());
            return Ok(ready);
        }
        let stream = self.way.reach().await.map_err(|error| {
            self.way.connection.warn(&error);
            error.to_string()
        })?;
        let mut out = Output::default();
        out.records
            .push(self.way.connection.described(None, Some(&stream)));
        commit(self.proxy, &mut out)
            .await
            .map_err(|error| error.to_string())?;
        let sender = shake_hands(stream).await.map_err(|error| error.to_string())?;
        let ready = sender.ready().await.map_err(|error| error.to_string())?;
        *service = Some(ready.clone());
        Ok(ready)
    }
}

/// An exchange that is recorded as cut if nobody ends it.
struct Guard<'a> {
    shared: &'a Shared<'a>,
    exchange: Option<Exchange>,
    /// What the client is sent in answer.
    tape: Tape,
}

impl Guard<'_> {
    fn with<T>(&mut self, work: impl FnOnce(&mut Engine, &mut Exchange) -> T) -> Option<T> {
        let exchange = self.exchange.as_mut()?;
        Some(work(&mut lock(&self.shared.engine), exchange))
    }

    /// Writes down what an output tells of, and the answer if it is one of the proxy's own.
    async fn commit(&mut self, step: &Step, out: &mut Output) -> Result<(), ServeError> {
        match step {
            Step::Refuse(answer) => keep_reply(&mut self.tape, answer, out),
            _ => self.tape.note(&out.records),
        }
        commit(self.shared.proxy, out).await
    }

    fn is_head(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::is_head)
    }

    /// It is over.
    fn forget(&mut self) {
        self.exchange = None;
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let mut out = Output::default();
        if let Some(exchange) = &mut self.exchange {
            lock(&self.shared.engine).cut(exchange, now(), &mut out);
        }
        lock(&self.shared.cut).append(&mut out.records);
    }
}

/// A thread that panicked while it held the lock has left whole values behind: nothing else is put in them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
