//! What the programs tell as it happens.

use std::io;

use aya::maps::{MapData, RingBuf};
use interdict_abi::{Hook, Verdict};
use tokio::io::unix::AsyncFd;

use crate::{Flow, sys};

/// A refusal, or something that observation saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where.
    pub hook: Hook,
    /// What was decided.
    pub verdict: Verdict,
    /// The IP protocol number of the socket (6 TCP, 17 UDP, 262 MPTCP).
    pub protocol: u32,
    /// The call. For `bind` hooks the destination is the address that was to be bound, and the service is 0.
    pub flow: Flow,
}

impl Event {
    /// `None` for numbers that this build does not know.
    fn read(bytes: &[u8]) -> Option<Self> {
        let event = sys::event(bytes)?;
        Some(Self {
            hook: Hook::from_number(event.hook)?,
            verdict: Verdict::from_number(event.verdict)?,
            protocol: event.protocol,
            flow: event.flow.into(),
        })
    }
}

/// The events, oldest first. There is one queue: a second reader would take events from the first.
pub struct Events(AsyncFd<RingBuf<MapData>>);

impl Events {
    /// Must be called within a tokio runtime.
    pub(crate) fn new(ring: RingBuf<MapData>) -> io::Result<Self> {
        sys::readable(ring).map(Self)
    }

    /// The next event; waits until there is one. Dropping the future loses none.
    ///
    /// # Errors
    /// The runtime's poller failed.
    pub async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.try_next() {
                return Ok(event);
            }
            let mut ready = self.0.readable_mut().await?;
            if let Some(item) = ready.get_inner_mut().next() {
                if let Some(event) = Event::read(&item) {
                    return Ok(event);
                }
            } else {
                ready.clear_ready();
            }
        }
    }

    /// The next event if there is one.
    pub fn try_next(&mut self) -> Option<Event> {
        let ring = self.0.get_mut();
        while let Some(item) = ring.next() {
            if let Some(event) = Event::read(&item) {
                return Some(event);
            }
            tracing::warn!(bytes = item.len(), "an event from the kernel was not understood");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_numbers_are_no_event() {
        let mut bytes = [0_u8; size_of::<interdict_abi::Event>()];
        assert_eq!(Event::read(&bytes).unwrap().hook, Hook::Connect4);
        bytes[0] = 200;
        assert!(Event::read(&bytes).is_none());
        assert!(Event::read(&bytes[1..]).is_none());
    }
}
