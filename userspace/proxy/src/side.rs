//! One socket with what was read from it and what is to be written to it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio_util::io::poll_read_buf;

use crate::stream::Stream;

/// Bytes waiting for a slow side at which the other is no longer read.
pub(crate) const HIGH: usize = 256 << 10;
/// A read buffer begins at the least and grows to the most while reads fill it.
const READ_LEAST: usize = 8 << 10;
const READ_MOST: usize = 128 << 10;

/// One socket with what was read from it and what is to be written to it.
pub(crate) struct Side {
    pub(crate) stream: Stream,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    /// Bytes read and written.
    pub(crate) read: u64,
    pub(crate) written: u64,
    read_size: usize,
    pub(crate) ended: bool,
    /// It ended by a fault of its connection.
    pub(crate) reset: bool,
    flushed: bool,
}

impl Side {
    pub(crate) fn new(stream: Stream, input: BytesMut) -> Self {
        Self {
            stream,
            input,
            output: BytesMut::new(),
            read: 0,
            written: 0,
            read_size: READ_LEAST,
            ended: false,
            reset: false,
            flushed: true,
        }
    }

    pub(crate) fn put(&mut self, bytes: BytesMut) {
        if self.output.is_empty() {
            self.output = bytes;
        } else {
            self.output.extend_from_slice(&bytes);
        }
    }

    /// Writes what is waiting; true if anything was written.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut progress = false;
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.output.advance(count);
                    self.written += count as u64;
                    self.flushed = false;
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if self.output.is_empty() && !self.flushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushed = true,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {}
            }
        }
        Ok(progress)
    }

    /// It takes nothing any more: what waits for it is dropped. It may still have said something. True, as that is a change.
    pub(crate) fn drop_output(&mut self) -> bool {
        self.output.clear();
        self.flushed = true;
        true
    }

    /// It broke its connection: nothing more comes of it. True, as that is a change.
    pub(crate) fn breaks(&mut self) -> bool {
        self.ended = true;
        self.reset = true;
        true
    }

    /// Reads once; true if there was something, the end included.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if self.stream.is_idle(cx) {
            self.trim();
            return Ok(false);
        }
        self.input.reserve(self.read_size);
        match poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.input) {
            Poll::Ready(Ok(0)) => {
                self.ended = true;
                Ok(true)
            }
            Poll::Ready(Ok(count)) => {
                self.read += count as u64;
                self.read_size = if count >= self.read_size {
                    (count * 2).min(READ_MOST)
                } else {
                    self.read_size
                };
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => {
                self.trim();
                Ok(false)
            }
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Holds no memory for a side that says nothing.
    pub(crate) fn trim(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 0 {
            self.input = BytesMut::new();
            self.read_size = READ_LEAST.max(self.read_size / 2);
        }
    }
}
