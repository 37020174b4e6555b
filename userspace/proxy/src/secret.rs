//! Secrets that are fetched when they are needed, and again when they are old or refused.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use interdict_session::Secret;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::elsewhere::Elsewhere;

/// A service that refuses a secret can have its source asked again no more often than this: a client that logs in over and
/// over must not run a command each time.
const LEAST: Duration = Duration::from_secs(1);

/// Where a secret comes from. Its `Display` names it for operators and shows nothing of what it gives.
pub trait SecretSource: fmt::Display + Send + Sync {
    /// Fetches the secret. Blocking.
    ///
    /// # Errors
    /// It can't be had; the error names the source and shows nothing of what it gave.
    fn read(&self) -> io::Result<Secret>;
}

/// A source, and what it gave last.
#[derive(Clone)]
pub struct Kept(Arc<Inner>);

struct Inner {
    source: Box<dyn SecretSource>,
    lifetime: Duration,
    /// Locked while the source is asked, so that many logins at once ask it once.
    last: Mutex<Option<Last>>,
}

struct Last {
    secret: Secret,
    at: Instant,
}

impl Kept {
    /// What `source` gives is used for `lifetime`, in memory, then it is asked again.
    pub fn new(source: Box<dyn SecretSource>, lifetime: Duration) -> Self {
        Self(Arc::new(Inner {
            source,
            lifetime,
            last: Mutex::new(None),
        }))
    }

    /// The secret as it is now.
    pub(crate) async fn get(&self, elsewhere: &Elsewhere) -> Result<Secret, SecretError> {
        let mut last = self.0.last.lock().await;
        if let Some(known) = last.as_ref().filter(|last| last.at.elapsed() < self.0.lifetime) {
            return Ok(known.secret.clone());
        }
        match self.read(elsewhere).await {
            Ok(secret) => Ok(keep(&mut last, secret)),
            // A source that is away for a moment must not end all logins; one that stays away must.
            Err(error) => match last.as_ref() {
                Some(known) if known.at.elapsed() < self.0.lifetime.saturating_mul(2) => {
                    tracing::warn!(%error, "a secret can't be renewed: the last one is used for as long again as it was to be");
                    Ok(known.secret.clone())
                }
                _ => {
                    *last = None;
                    Err(error)
                }
            },
        }
    }

    /// What there is instead of a secret that the service has refused; `None`: it still is the same one.
    pub(crate) async fn instead_of(
        &self,
        refused: &Secret,
        elsewhere: &Elsewhere,
    ) -> Result<Option<Secret>, SecretError> {
        let mut last = self.0.last.lock().await;
        if let Some(known) = last.as_ref() {
            if known.secret != *refused {
                return Ok(Some(known.secret.clone()));
            }
            if known.at.elapsed() < LEAST.min(self.0.lifetime) {
                return Ok(None);
            }
        }
        let secret = keep(&mut last, self.read(elsewhere).await?);
        Ok((secret != *refused).then_some(secret))
    }

    /// Session threads have no files and may start no programs.
    async fn read(&self, elsewhere: &Elsewhere) -> Result<Secret, SecretError> {
        let inner = Arc::clone(&self.0);
        elsewhere
            .run(move || inner.source.read())
            .await
            .map_err(|error| SecretError(format!("{}: {error}", self.0.source)))?
            .map_err(|error| SecretError(error.to_string()))
    }
}

fn keep(last: &mut Option<Last>, secret: Secret) -> Secret {
    *last = Some(Last {
        secret: secret.clone(),
        at: Instant::now(),
    });
    secret
}

/// Without the secret.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.0.source)
    }
}

/// A secret can't be had. For operators.
#[derive(Debug, thiserror::Error)]
#[error("the secret can't be had from {0}")]
pub(crate) struct SecretError(String);

impl SecretError {
    pub(crate) fn new(what: &str) -> Self {
        Self(what.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use zeroize::Zeroizing;

    use super::*;

    /// Gives `s0`, `s1`, … by turns; fails where the number is on the list.
    struct Turns(Arc<AtomicUsize>, &'static [usize]);

    impl fmt::Display for Turns {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("turns")
        }
    }

    impl SecretSource for Turns {
        fn read(&self) -> io::Result<Secret> {
            let turn = self.0.fetch_add(1, Ordering::SeqCst);
            if self.1.contains(&turn) {
                return Err(io::Error::other("turns: away"));
            }
            Ok(Secret::new(Zeroizing::new(format!("s{turn}").into_bytes())))
        }
    }

    fn kept(lifetime: Duration, failing: &'static [usize]) -> (Kept, Arc<AtomicUsize>, Elsewhere) {
        let asked = Arc::new(AtomicUsize::new(0));
        let kept = Kept::new(Box::new(Turns(Arc::clone(&asked), failing)), lifetime);
        let elsewhere = Elsewhere::new(tokio::runtime::Handle::current(), Duration::from_secs(10));
        (kept, asked, elsewhere)
    }

    async fn shown(kept: &Kept, elsewhere: &Elsewhere) -> String {
        let secret = kept.get(elsewhere).await;
        secret.map_or_else(
            |error| error.to_string(),
            |secret| String::from_utf8_lossy(secret.reveal()).into_owned(),
        )
    }

    #[tokio::test]
    async fn it_is_asked_once_in_its_lifetime() {
        let (kept, asked, elsewhere) = kept(Duration::from_mins(1), &[]);
        let all = futures_util::future::join_all((0..50).map(|_| shown(&kept, &elsewhere))).await;
        assert!(all.iter().all(|secret| secret == "s0"), "{all:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(format!("{kept:?}"), "Kept(turns)");
    }

    #[tokio::test]
    async fn an_old_one_is_renewed_and_a_source_that_stays_away_ends_it() {
        let (kept, _, elsewhere) = kept(Duration::from_millis(200), &[1, 2]);
        assert_eq!(shown(&kept, &elsewhere).await, "s0");
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(shown(&kept, &elsewhere).await, "s0");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(
            shown(&kept, &elsewhere).await,
            "the secret can't be had from turns: away"
        );
        assert_eq!(shown(&kept, &elsewhere).await, "s3");
    }

    #[tokio::test]
    async fn a_refused_one_is_fetched_again_once() {
        let (kept, asked, elsewhere) = kept(Duration::from_mins(1), &[]);
        let first = kept.get(&elsewhere).await.unwrap();
        // It was read just now.
        assert_eq!(kept.instead_of(&first, &elsewhere).await.unwrap(), None);
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let second = kept.instead_of(&first, &elsewhere).await.unwrap().unwrap();
        assert_eq!(second.reveal(), b"s1");
        // Others whose login was refused by then take it as it is.
        let again = kept.instead_of(&first, &elsewhere).await.unwrap();
        assert_eq!(again, Some(second.clone()));
        assert_eq!(kept.instead_of(&second, &elsewhere).await.unwrap(), None);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
