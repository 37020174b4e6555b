//! The protected server, and the proxy's listener.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use interdict_kernel::{Flow, FlowLookup as _, Flows, netns_cookie};

/// A thread that accepts, says one word, and closes.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Tells a server what to do with a connection besides: who it is from, and where it came in.
type OnAccept = Box<dyn FnMut(SocketAddr, SocketAddr) + Send>;

impl Server {
    fn start(ip: IpAddr, word: &'static str, mut on_accept: OnAccept) -> Result<Self> {
        let listener = TcpListener::bind((ip, 0)).with_context(|| format!("listening on {ip}"))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (accepted, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stopped) = (Arc::clone(&accepted), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((mut stream, peer)) => {
                        count.fetch_add(1, Ordering::SeqCst);
                        on_accept(peer, address);
                        // The client may have gone.
                        let _ = speak(&mut stream, word);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_micros(200));
                    }
                    Err(error) => eprintln!("accept: {error}"),
                }
            }
        });
        Ok(Self {
            address,
            accepted,
            stop,
            thread: Some(thread),
        })
    }

    /// The server that must not be reached directly. Says `direct`.
    pub(crate) fn protected(ip: impl Into<IpAddr>) -> Result<Self> {
        Self::start(ip.into(), "direct", Box::new(|_, _| {}))
    }

    /// How many connections have come in.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Says the word and hears the client out: closing with unread bytes would reset the connection.
fn speak(stream: &mut TcpStream, word: &str) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    stream.write_all(word.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The listeners that redirected connections come to. They say `proxy`.
pub(crate) struct Proxy {
    pub(crate) v4: Server,
    pub(crate) v6: Server,
    pub(crate) cookie: u64,
    flows: Mutex<Receiver<Option<Flow>>>,
}

impl Proxy {
    pub(crate) fn start(lookup: &Flows) -> Result<Self> {
        let cookie = netns_cookie(TcpListener::bind("127.0.0.1:0")?).context("SO_NETNS_COOKIE")?;
        let (sender, flows) = channel();
        let take = || -> OnAccept {
            let (sender, lookup) = (sender.clone(), lookup.clone());
            Box::new(move |peer, local| {
                let _ = sender.send(lookup.take_flow(peer, local, cookie));
            })
        };
        Ok(Self {
            v4: Server::start(IpAddr::from([127, 0, 0, 1]), "proxy", take())?,
            v6: Server::start(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), "proxy", take())?,
            cookie,
            flows: Mutex::new(flows),
        })
    }

    /// What was known of the next accepted connection.
    pub(crate) fn next(&self) -> Result<Option<Flow>> {
        let flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        match flows.recv_timeout(Duration::from_secs(5)) {
            Ok(flow) => Ok(flow),
            Err(RecvTimeoutError::Timeout) => bail!("nothing came to the listener within 5 s"),
            Err(RecvTimeoutError::Disconnected) => bail!("the listener is gone"),
        }
    }

    /// The flow of the next accepted connection.
    pub(crate) fn next_flow(&self) -> Result<Flow> {
        self.next()?
            .context("a connection came to the listener without a flow")
    }
}
