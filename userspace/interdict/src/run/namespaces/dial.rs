//! Reaching services from the caller's namespace.

use std::io;
use std::sync::{Arc, Weak};

use interdict_kernel::Namespace;
use interdict_proxy::{Dialer, Dialled};

/// Makes sockets in a namespace, without keeping it alive.
#[derive(Debug)]
pub(super) struct Inside(Weak<Namespace>);

impl Inside {
    pub(super) fn new(namespace: &Arc<Namespace>) -> Self {
        Self(Arc::downgrade(namespace))
    }
}

impl Dialer for Inside {
    fn socket(&self, ipv6: bool) -> Dialled<'_> {
        Box::pin(async move {
            let namespace = self
                .0
                .upgrade()
                .ok_or_else(|| io::Error::other("the caller's network namespace is gone"))?;
            let socket = namespace.stream_socket(ipv6).await;
            socket.map_err(|error| io::Error::other(format!("{:#}", anyhow::Error::new(error))))
        })
    }
}
