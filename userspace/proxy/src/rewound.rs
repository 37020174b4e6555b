//! A stream of which something was read already, and whose bytes are counted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stream::Stream;

/// A stream that begins with what was read of it before, and counts.
pub(crate) struct Rewound {
    stream: Stream,
    head: BytesMut,
    passed: Passed,
}

/// Bytes read and written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Arc<(AtomicU64, AtomicU64)>);

impl Passed {
    pub(crate) fn read(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }

    pub(crate) fn written(&self) -> u64 {
        self.0.1.load(Ordering::Relaxed)
    }
}

impl Rewound {
    pub(crate) fn new(stream: Stream, head: BytesMut, passed: Passed) -> Self {
        Self { stream, head, passed }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if this.head.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        } else {
            let count = this.head.len().min(buf.remaining());
            buf.put_slice(this.head.get(..count).unwrap_or_default());
            this.head.advance(count);
        }
        let count = buf.filled().len().saturating_sub(before);
        this.passed.0.0.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let count = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.passed.0.1.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
