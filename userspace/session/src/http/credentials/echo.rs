//! Keeps what a service was shown out of what it answers.

use std::fmt;

use bytes::{Bytes, BytesMut};
use interdict_wire::http::Headers;
use zeroize::Zeroizing;

/// Shorter secrets could be anything: not looked for.
const SHORTEST: usize = 8;

/// Replaces secrets by as many asterisks, so that lengths stay true. A compressed body is not looked into.
pub struct Echo {
    secrets: Vec<Zeroizing<Vec<u8>>>,
    /// The end of what came, which may be the beginning of a secret.
    held: BytesMut,
    /// The body has a coding.
    coded: bool,
}

impl Echo {
    pub(super) fn new(mut secrets: Vec<Zeroizing<Vec<u8>>>) -> Self {
        secrets.retain(|secret| secret.len() >= SHORTEST);
        Self {
            secrets,
            held: BytesMut::new(),
            coded: false,
        }
    }

    /// Looks through the fields of an answer.
    pub fn fields(&mut self, headers: &mut Headers) {
        if headers
            .get("Content-Encoding")
            .is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"))
        {
            self.coded = true;
        }
        let found = |value: &[u8]| self.secrets.iter().any(|secret| find(value, secret).is_some());
        if !headers.iter().any(|(_, value)| found(value)) {
            return;
        }
        let mut clean = Headers::new();
        for (name, value) in headers.iter() {
            let mut value = BytesMut::from(&value[..]);
            self.replace(&mut value);
            // Asterisks may be in any value.
            let _ = clean.push(name.clone(), value.freeze());
        }
        *headers = clean;
    }

    /// Looks through more of a body: what may go on.
    pub fn body(&mut self, data: Bytes) -> Bytes {
        if self.coded || self.secrets.is_empty() {
            return data;
        }
        if self.held.is_empty()
            && self.begun(&data) == 0
            && self.secrets.iter().all(|secret| find(&data, secret).is_none())
        {
            return data;
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(&data);
        self.replace(&mut all);
        let begun = self.begun(&all);
        self.held = all.split_off(all.len().saturating_sub(begun));
        all.freeze()
    }

    /// The end of a body: what was held back.
    pub fn end(&mut self) -> Bytes {
        self.held.split().freeze()
    }

    /// The longest end of `data` that a secret begins with.
    fn begun(&self, data: &[u8]) -> usize {
        let of = |secret: &Zeroizing<Vec<u8>>| {
            (1..secret.len())
                .rev()
                .find(|length| data.ends_with(secret.get(..*length).unwrap_or_default()))
        };
        self.secrets.iter().filter_map(of).max().unwrap_or_default()
    }

    fn replace(&self, data: &mut BytesMut) {
        for secret in &self.secrets {
            while let Some(at) = find(data, secret) {
                if let Some(found) = data.get_mut(at..at.saturating_add(secret.len())) {
                    found.fill(b'*');
                }
            }
        }
    }
}

fn find(data: &[u8], secret: &[u8]) -> Option<usize> {
    memchr::memmem::find(data, secret)
}

/// Without the secrets.
impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Echo")
            .field("coded", &self.coded)
            .finish_non_exhaustive()
    }
}
