//! One single-threaded runtime a core: a session stays on the thread that took it.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::{Dialer, Proxy, tls};

/// A connection as a listener accepted it.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub stream: TcpStream,
    /// The service, for an explicit listener; `None` where the kernel redirected and the origin has to say.
    pub service: Option<usize>,
    /// The namespace of the listener.
    pub netns_cookie: u64,
    /// Makes the socket to the service; `None`: in the daemon's own namespace.
    pub dialer: Option<Arc<dyn Dialer>>,
}

/// The data path's threads.
pub struct Workers {
    queues: Vec<mpsc::UnboundedSender<Accepted>>,
    next: AtomicUsize,
    threads: Vec<JoinHandle<()>>,
    pulses: Vec<Arc<AtomicU64>>,
}

/// How often a thread shows that it moves.
const PULSE: Duration = Duration::from_millis(250);

impl Workers {
    /// Starts `count` threads. Each calls `prepare` before it sees a connection, to give up what it does not need; when
    /// this returns, all have.
    ///
    /// # Errors
    /// A thread could not be started, or `prepare` failed in one: all of them end.
    pub fn start(
        proxy: &Arc<Proxy>,
        count: usize,
        prepare: impl Fn() -> io::Result<()> + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let count = count.max(1);
        let mut workers = Self {
            queues: Vec::new(),
            next: AtomicUsize::new(0),
            threads: Vec::new(),
            pulses: Vec::new(),
        };
        let (ready, prepared) = std::sync::mpsc::channel();
        for index in 0..count {
            let (queue, connections) = mpsc::unbounded_channel();
            let proxy = Arc::clone(proxy);
            let (prepare, ready) = (prepare.clone(), ready.clone());
            let pulse = Arc::new(AtomicU64::new(0));
            workers.pulses.push(Arc::clone(&pulse));
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let thread = std::thread::Builder::new()
                .name(format!("session-{index}"))
                .spawn(move || {
                    tls::draw_randomness();
                    let outcome = prepare();
                    let well = outcome.is_ok();
                    if ready.send(outcome).is_ok() && well {
                        runtime.block_on(run(proxy, connections, &pulse));
                    }
                })?;
            workers.queues.push(queue);
            workers.threads.push(thread);
        }
        // So that a thread that panics is noticed.
        drop(ready);
        for _ in 0..count {
            prepared.recv().map_err(io::Error::other)??;
        }
        Ok(workers)
    }

    /// Hands a connection to the next thread; false if the threads have ended.
    pub fn hand(&self, accepted: Accepted) -> bool {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len().max(1);
        self.queues
            .get(index)
            .is_some_and(|queue| queue.send(accepted).is_ok())
    }

    /// A number for each thread, which grows while the thread moves: several times a second.
    pub fn pulses(&self) -> Vec<u64> {
        self.pulses
            .iter()
            .map(|pulse| pulse.load(Ordering::Relaxed))
            .collect()
    }

    /// Takes no more connections and waits for the sessions to end; the proxy must have been told to stop.
    pub fn join(self) {
        drop(self.queues);
        for thread in self.threads {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

async fn run(proxy: Arc<Proxy>, mut connections: mpsc::UnboundedReceiver<Accepted>, pulse: &AtomicU64) {
    let mut sessions = tokio::task::JoinSet::new();
    let mut beat = tokio::time::interval(PULSE);
    loop {
        tokio::select! {
            accepted = connections.recv() => match accepted {
                Some(accepted) => {
                    let proxy = Arc::clone(&proxy);
                    sessions.spawn(async move { proxy.serve(accepted).await });
                }
                None => break,
            },
            Some(_) = sessions.join_next() => {}
            _ = beat.tick() => drop(pulse.fetch_add(1, Ordering::Relaxed)),
        }
    }
    while sessions.join_next().await.is_some() {}
}
