//! Follows the network namespaces in which somebody in scope runs: a listener in each, for as long as that is so.
//!
//! The kernel refuses redirected connections where there is no listener, so what is late here is refused, never direct.

mod dial;
mod look;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use interdict_audit::Audit;
use interdict_kernel::{Event, Kernel, KernelError, Namespace, Process, Tables, Verdict};
use interdict_proxy::{Dialer, Workers};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

use self::dial::Inside;
use self::look::Seen;
use super::listeners;
use crate::record::detailed;

/// How often all processes are looked at, should nothing tell that it is time.
const SWEEP: Duration = Duration::from_secs(10);
/// How soon after one look the next may follow.
const PAUSE: Duration = Duration::from_millis(250);
/// Looking takes no more than one part in so many of a processor.
const SHARE: u32 = 20;
/// How long a namespace stays followed in which processes run, but none in scope.
const IDLE: Duration = Duration::from_secs(20);
/// How soon after a failure a namespace is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// More than a host has pods. A namespace beyond it is refused.
const MOST: usize = 2048;
/// Announcements that may wait. What finds no room is found by the next look.
const QUEUE: usize = 1024;

/// The namespaces with listeners; every other is refused by the kernel.
pub(super) type List = Vec<Arc<Namespace>>;

/// The handle on the task that follows.
#[derive(Clone)]
pub(super) struct Namespaces {
    announcements: mpsc::Sender<Announced>,
    list: watch::Receiver<List>,
}

/// A namespace without a listener, and who is in it.
struct Announced {
    cookie: u64,
    /// The thread, and its process, should the thread be gone.
    tasks: [u32; 2],
}

impl Namespaces {
    /// Opens the listeners of the daemon's own namespace and publishes them; follows the others from now on.
    pub(super) async fn start(
        kernel: &Arc<Kernel>,
        tables: &Arc<Tables>,
        workers: &Arc<Workers>,
        audit: &Arc<Audit>,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<Self> {
        let (announcements, queue) = mpsc::channel(QUEUE);
        let (sender, list) = watch::channel(List::new());
        let mut follower = Follower {
            kernel: Arc::clone(kernel),
            tables: Arc::clone(tables),
            workers: Arc::clone(workers),
            audit: Arc::clone(audit),
            followed: HashMap::new(),
            failures: HashMap::new(),
            list: sender,
        };
        let own = Namespace::own().context("the daemon's own network namespace")?;
        follower
            .follow(own, true)
            .await
            .context("listening on loopback")?;
        tasks.spawn(follower.run(queue));
        Ok(Self { announcements, list })
    }

    /// Hears of every event of the kernel; opens a listener where one was missing.
    pub(super) fn announce(&self, event: &Event) {
        if !matches!(event.verdict, Verdict::NewNamespace | Verdict::NoListener) {
            return;
        }
        let announced = Announced {
            cookie: event.flow.netns_cookie,
            tasks: [event.flow.tid, event.flow.tgid],
        };
        if self.announcements.try_send(announced).is_err() {
            tracing::debug!("too many namespaces are announced at once: the next look finds them");
        }
    }

    /// The namespaces with listeners, now and as they change. Do not hold on to them: that keeps dead pods alive.
    pub(super) fn list(&self) -> watch::Receiver<List> {
        self.list.clone()
    }
}

/// A namespace with listeners. Dropping it closes them and lets the namespace go.
struct Followed {
    namespace: Arc<Namespace>,
    _accepting: JoinSet<()>,
    /// The daemon's own namespace, which is never left.
    own: bool,
    /// Since when nobody in scope was seen in it.
    idle: Option<Instant>,
}

struct Follower {
    kernel: Arc<Kernel>,
    tables: Arc<Tables>,
    workers: Arc<Workers>,
    audit: Arc<Audit>,
    /// By inode, which no other namespace can have while this one is held.
    followed: HashMap<u64, Followed>,
    /// When a namespace (by inode or cookie, whichever is known) could last not be followed.
    failures: HashMap<u64, Instant>,
    list: watch::Sender<List>,
}

impl Follower {
    async fn run(mut self, mut queue: mpsc::Receiver<Announced>) {
        let mut changes = self.kernel.enrolment_changes();
        let mut next = Instant::now();
        let mut earliest = next;
        loop {
            tokio::select! {
                announced = queue.recv() => match announced {
                    Some(announced) => self.take(announced).await,
                    None => return,
                },
                Ok(()) = changes.changed() => next = next.min(earliest.max(Instant::now())),
                () = tokio::time::sleep_until(next) => {
                    let started = Instant::now();
                    self.sweep().await;
                    let now = Instant::now();
                    earliest = now + PAUSE.max((now - started) * SHARE);
                    next = now + SWEEP;
                }
            }
        }
    }

    /// Follows a namespace that the kernel told of.
    async fn take(&mut self, announced: Announced) {
        let Announced { cookie, tasks } = announced;
        let known = |one: &Followed| one.namespace.cookie() == cookie;
        if self.followed.values().any(known) || self.is_waiting(cookie) {
            return;
        }
        let open = move || look::by_cookie(tasks, cookie);
        match spawn_blocking(open).await {
            Ok(Ok(Some(namespace))) => {
                let result = self.follow(namespace, false).await;
                self.note(cookie, tasks, result).await;
            }
            // It was left again, or is held by another thread: the next look tells.
            Ok(Ok(None)) => {}
            Ok(Err(error)) => self.note(cookie, tasks, Err(error)).await,
            Err(error) => tracing::error!(%error, "a namespace could not be looked at"),
        }
    }

    /// Looks where everybody in scope is.
    async fn sweep(&mut self) {
        let kernel = Arc::clone(&self.kernel);
        let Seen { namespaces, refused } = match spawn_blocking(move || look::around(&kernel)).await {
            Ok(seen) => seen,
            Err(error) => return tracing::error!(%error, "processes could not be looked at"),
        };
        if let Some((pid, error)) = refused {
            self.note(u64::from(pid), [pid, pid], Err(error)).await;
        }
        let now = Instant::now();
        self.failures.retain(|_, at| *at + SWEEP * 6 > now);
        for one in self.followed.values_mut() {
            if namespaces.contains_key(&one.namespace.inode()) {
                one.idle = None;
            } else {
                one.idle.get_or_insert(now);
            }
        }
        for (inode, process) in namespaces {
            if self.followed.contains_key(&inode) || self.is_waiting(inode) {
                continue;
            }
            let pid = process.pid();
            let result = match spawn_blocking(move || Namespace::of(&process)).await {
                // What ended meanwhile needs no listener.
                Ok(Err(_)) if Process::open(pid).is_err() => continue,
                Ok(Ok(namespace)) => self.follow(namespace, false).await,
                Ok(Err(error)) => Err(error),
                Err(error) => {
                    tracing::error!(%error, "a namespace could not be entered");
                    continue;
                }
            };
            self.note(inode, [pid, pid], result).await;
        }
        self.leave_idle().await;
        self.forget_stale();
    }

    /// Opens listeners, and only then sends connections there.
    async fn follow(&mut self, namespace: Namespace, own: bool) -> Result<(), KernelError> {
        if self.followed.contains_key(&namespace.inode()) {
            return Ok(());
        }
        if self.followed.len() >= MOST {
            return Err(KernelError::TooMany {
                name: "PROXY",
                limit: MOST,
                wanted: MOST + 1,
            });
        }
        let cookie = namespace.cookie();
        let opened = namespace.listen().await?;
        let namespace = Arc::new(namespace);
        let dialer: Option<Arc<dyn Dialer>> =
            (!own).then(|| Arc::new(Inside::new(&namespace)) as Arc<dyn Dialer>);
        let mut accepting = JoinSet::new();
        let mut ports = Vec::new();
        for listener in std::iter::once(opened.v4).chain(opened.v6) {
            let failed = |source| KernelError::Io {
                what: "listening in",
                path: format!("the network namespace {cookie}").into(),
                source,
            };
            let (port, listener) = listener
                .local_addr()
                .and_then(|address| Ok((address.port(), TcpListener::from_std(listener)?)))
                .map_err(failed)?;
            ports.push(port);
            let workers = Arc::clone(&self.workers);
            accepting.spawn(listeners::accept(listener, None, cookie, dialer.clone(), workers));
        }
        let (v4, v6) = (ports.first().copied(), ports.get(1).copied());
        self.kernel.publish_listener(cookie, v4, v6)?;
        if !own {
            tracing::info!(
                cookie,
                inode = namespace.inode(),
                "a network namespace is followed"
            );
        }
        let followed = Followed {
            namespace,
            _accepting: accepting,
            own,
            idle: None,
        };
        self.followed.insert(followed.namespace.inode(), followed);
        self.publish();
        Ok(())
    }

    /// Lets go of namespaces without processes at once, and of those without anybody in scope after a while.
    async fn leave_idle(&mut self) {
        let idle: Vec<u64> = self
            .followed
            .iter()
            .filter(|(_, one)| one.idle.is_some() && !one.own)
            .map(|(inode, _)| *inode)
            .collect();
        if idle.is_empty() {
            return;
        }
        let lived_in = match spawn_blocking(move || look::lived_in(&idle)).await {
            Ok(lived_in) => lived_in,
            Err(error) => return tracing::error!(%error, "processes could not be looked at"),
        };
        let now = Instant::now();
        let over = |inode: &u64, one: &Followed| {
            let since = one.idle.filter(|_| !one.own);
            since.is_some_and(|since| !lived_in.contains(inode) || now - since >= IDLE)
        };
        let mut left = 0;
        let (kernel, tables) = (&self.kernel, &self.tables);
        self.followed.retain(|inode, one| {
            if !over(inode, one) {
                return true;
            }
            // First the kernel stops sending connections there.
            withdraw(kernel, tables, one.namespace.cookie());
            left += 1;
            false
        });
        if left > 0 {
            tracing::info!(left, "network namespaces are no longer followed");
            self.publish();
        }
    }

    /// Forgets what an earlier daemon published and nobody serves.
    fn forget_stale(&self) {
        let published = match self.tables.published() {
            Ok(published) => published,
            Err(error) => {
                let error = anyhow::Error::new(error);
                return tracing::error!("published listeners can't be read: {error:#}");
            }
        };
        for cookie in published {
            let served = self.followed.values().any(|one| one.namespace.cookie() == cookie);
            if !served {
                withdraw(&self.kernel, &self.tables, cookie);
            }
        }
    }

    fn publish(&self) {
        let namespaces = self.followed.values().map(|one| Arc::clone(&one.namespace));
        self.list.send_replace(namespaces.collect());
    }

    /// Whether it failed a moment ago.
    fn is_waiting(&self, key: u64) -> bool {
        self.failures.get(&key).is_some_and(|at| at.elapsed() < RETRY)
    }

    /// Writes down, once in a while, that protected destinations are refused in a namespace that can't be followed.
    async fn note(&mut self, key: u64, tasks: [u32; 2], result: Result<(), KernelError>) {
        let Err(error) = result else {
            self.failures.remove(&key);
            return;
        };
        if self.failures.insert(key, Instant::now()).is_some() {
            return;
        }
        let [_, pid] = tasks;
        let reason = format!("{:#}", anyhow::Error::new(error));
        tracing::error!(
            pid,
            reason,
            "a network namespace can't be followed: protected destinations are refused there"
        );
        let message =
            format!("protected destinations are refused in the network namespace of process {pid}: {reason}");
        let detail = [("pid".to_owned(), pid.to_string()), ("reason".to_owned(), reason)];
        let event = detailed("namespace_unreachable", "daemon", message, detail.into());
        if let Err(error) = self.audit.append(vec![event]).await {
            tracing::error!(%error, "an unreachable namespace is not on the record");
        }
    }
}

fn withdraw(kernel: &Kernel, tables: &Tables, cookie: u64) {
    let done = kernel
        .withdraw_listener(cookie)
        .and_then(|()| tables.tell_again(cookie));
    if let Err(error) = done {
        let error = anyhow::Error::new(error);
        tracing::error!(cookie, "a listener could not be withdrawn: {error:#}");
    }
}
