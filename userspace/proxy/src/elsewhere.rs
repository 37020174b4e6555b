//! What the session threads may not do themselves: files, names and the kernel's maps.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

/// Look-ups at once. A runtime has 512 threads for what blocks: a file system that hangs must leave some to the rest of
/// the daemon.
const AT_ONCE: usize = 256;

/// Has blocking work done by another runtime's threads, which keep the rights that session threads give up.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    runtime: Handle,
    room: Arc<Semaphore>,
    patience: Duration,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ElsewhereError {
    #[error("it took longer than {} s", .0.as_secs())]
    Late(Duration),
    #[error("it was given up")]
    Lost,
}

impl Elsewhere {
    /// By the blocking threads of `runtime`, and no longer than `patience` each.
    pub fn new(runtime: Handle, patience: Duration) -> Self {
        Self {
            runtime,
            room: Arc::new(Semaphore::new(AT_ONCE)),
            patience,
        }
    }

    /// Does something that may block.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ElsewhereError> {
        let done = async {
            // Never closed. What hangs keeps its place also when nobody waits for it any more.
            let place = Arc::clone(&self.room).acquire_owned().await.ok();
            let (tell, told) = oneshot::channel();
            let work = move || {
                // Whoever asked may have given up.
                let _ = tell.send(work());
                drop(place);
            };
            // Asked for by a task of that runtime: a thread has the rights of the one that starts it, and a session thread
            // has none to give, nor may it start any. That task waits for nothing: the answer comes here without it.
            self.runtime
                .spawn(async move { drop(tokio::task::spawn_blocking(work)) });
            told.await.map_err(|_| ElsewhereError::Lost)
        };
        tokio::time::timeout(self.patience, done)
            .await
            .unwrap_or(Err(ElsewhereError::Late(self.patience)))
    }

    /// The addresses of a name, as the host resolves names.
    pub(crate) async fn addresses(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let name = name.to_owned();
        let looked_up = self.run(move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect));
        looked_up.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_hangs_is_given_up_and_keeps_its_place() {
        let elsewhere = Elsewhere::new(Handle::current(), Duration::from_millis(20));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let outcome = elsewhere.run(move || held.recv().is_ok()).await;
        assert!(matches!(outcome, Err(ElsewhereError::Late(_))), "{outcome:?}");
        assert_eq!(elsewhere.room.available_permits(), AT_ONCE - 1);
        drop(release);
        while elsewhere.room.available_permits() < AT_ONCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(elsewhere.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_panics_is_lost_and_gives_its_place_back() {
        let elsewhere = Elsewhere::new(Handle::current(), Duration::from_secs(10));
        let outcome: Result<(), _> = elsewhere
            .run(|| std::panic::resume_unwind(Box::new("it went wrong")))
            .await;
        assert!(matches!(outcome, Err(ElsewhereError::Lost)), "{outcome:?}");
        while elsewhere.room.available_permits() < AT_ONCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[test]
    fn another_runtimes_threads_do_it() {
        let main = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("main-runtime")
            .build()
            .unwrap();
        let elsewhere = Elsewhere::new(main.handle().clone(), Duration::from_secs(10));
        let session = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let name = session
            .block_on(elsewhere.run(|| std::thread::current().name().map(str::to_owned)))
            .unwrap();
        assert_eq!(name.as_deref(), Some("main-runtime"));
        let found = session.block_on(elsewhere.addresses("localhost", 5432)).unwrap();
        assert!(
            found.iter().any(|address| address.ip().is_loopback()),
            "{found:?}"
        );
    }
}
