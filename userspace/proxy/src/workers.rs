//! One single-threaded runtime a core: a session stays on the thread that took it.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::Proxy;

/// A connection as a listener accepted it.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub stream: TcpStream,
    /// The service, for an explicit listener; `None` where the kernel redirected and the origin has to say.
    pub service: Option<usize>,
    /// The namespace of the listener.
    pub netns_cookie: u64,
}

/// The data path's threads.
pub struct Workers {
    queues: Vec<mpsc::UnboundedSender<Accepted>>,
    next: AtomicUsize,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads.
    pub fn start(proxy: &Arc<Proxy>, count: usize) -> io::Result<Self> {
        let mut workers = Self {
            queues: Vec::new(),
            next: AtomicUsize::new(0),
            threads: Vec::new(),
        };
        for index in 0..count.max(1) {
            let (queue, connections) = mpsc::unbounded_channel();
            let proxy = Arc::clone(proxy);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let thread = std::thread::Builder::new()
                .name(format!("session-{index}"))
                .spawn(move || runtime.block_on(run(proxy, connections)))?;
            workers.queues.push(queue);
            workers.threads.push(thread);
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

    /// Takes no more connections and waits for the sessions to end; the proxy's shutdown signal must have been given.
    pub fn join(self) {
        drop(self.queues);
        for thread in self.threads {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

async fn run(proxy: Arc<Proxy>, mut connections: mpsc::UnboundedReceiver<Accepted>) {
    let mut sessions = tokio::task::JoinSet::new();
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
        }
    }
    while sessions.join_next().await.is_some() {}
}
