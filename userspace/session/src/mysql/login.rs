//! A login that the proxy makes itself: what answers the server's requests for it.
//!
//! Sources: MySQL's documentation of the connection phase and of its plugins; MariaDB's "Connecting" and
//! "Authentication Plugin - ed25519".

mod scramble;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_wire::mysql::opening::{
    Authentication, CACHING_SHA2_FAST_OK, CACHING_SHA2_FULL, CACHING_SHA2_PUBLIC_KEY, Login as Request,
    SHA256_PUBLIC_KEY, write_auth_data,
};
use interdict_wire::mysql::response::ErrPacket;
use interdict_wire::mysql::{Capabilities, Reader, Sequence};
use zeroize::Zeroizing;

use crate::credentials::{LoginError, Secret};

pub(super) const CACHING_SHA2: &[u8] = b"caching_sha2_password";
pub(super) const NATIVE: &[u8] = b"mysql_native_password";
const SHA256: &[u8] = b"sha256_password";
const ED25519: &[u8] = b"client_ed25519";
const CLEAR: &[u8] = b"mysql_clear_password";

/// A longer message has no place in a login.
const LONGEST: usize = 64 << 10;

/// ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR: user or password.
const DENIED: [u16; 2] = [1045, 1698];
/// ER_CON_COUNT_ERROR, ER_BAD_DB_ERROR, ER_SERVER_SHUTDOWN: they name nobody, and clients go by them.
const FOR_CLIENTS: [u16; 3] = [1040, 1049, 1053];

/// How the server is reached, as far as a password's way to it depends on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Whether there is TLS.
    pub tls: bool,
    /// Whether a key that the server sends in clear may encrypt the password: where an operator has said that there is no TLS.
    /// Who can change what passes could send a key of their own.
    pub trusts_key: bool,
}

/// A login under way.
pub struct Login {
    user: Arc<str>,
    /// `None`: an empty password.
    secret: Option<Secret>,
    channel: Channel,
    capabilities: Capabilities,
    plugin: Vec<u8>,
    nonce: Vec<u8>,
    packets: Reader,
    /// The server's key was asked for.
    awaits_key: bool,
}

impl Login {
    /// Begins one that answers a greeting with this plugin and challenge.
    pub fn new(
        user: Arc<str>,
        secret: Option<Secret>,
        channel: Channel,
        plugin: Option<&[u8]>,
        nonce: &[u8],
    ) -> Self {
        // A default of the server's that is not known here is answered with another: it switches to what the user has.
        let plugin = match plugin {
            Some(CACHING_SHA2) => CACHING_SHA2,
            _ => NATIVE,
        };
        Self {
            user,
            secret,
            channel,
            capabilities: Capabilities::default(),
            plugin: plugin.to_vec(),
            nonce: challenge(nonce).to_vec(),
            packets: Reader::new(LONGEST),
            awaits_key: false,
        }
    }

    /// Writes the login: `request` with this user, and what answers the greeting. `sequence`: the number of its packet.
    ///
    /// # Errors
    /// [`LoginError`]: it can't be written.
    pub fn begin(
        &mut self,
        request: Request<'_>,
        mut sequence: Sequence,
        out: &mut BytesMut,
    ) -> Result<(), LoginError> {
        let auth_data = self.proof()?;
        let request = Request {
            user: self.user.as_bytes(),
            auth_data: &auth_data,
            plugin: request
                .capabilities
                .has(Capabilities::PLUGIN_AUTH)
                .then_some(&self.plugin),
            ..request
        };
        self.capabilities = request.capabilities;
        request.write(&mut sequence, out)?;
        self.packets.expect(sequence);
        Ok(())
    }

    /// Takes what the server sent, and appends what answers it. The payload of its OK once the login is made. What is in `out`
    /// may hold the password: it is to be overwritten once it is sent.
    ///
    /// # Errors
    /// [`LoginError`]; the connection is of no more use.
    pub fn take(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<Option<Bytes>, LoginError> {
        while let Some(message) = self.packets.message(input)? {
            let answer = match Authentication::parse(&message.payload, self.capabilities)? {
                Authentication::Ok(_) => return Ok(Some(message.payload.clone())),
                Authentication::Err(error) => return Err(self.refused(&error, &message.payload)),
                Authentication::Switch { plugin, data } => {
                    self.plugin = plugin.to_vec();
                    self.nonce = challenge(data).to_vec();
                    self.proof()?
                }
                Authentication::MoreData(key) if self.awaits_key => {
                    self.awaits_key = false;
                    scramble::encrypted(self.password(), &self.nonce, key)
                        .ok_or_else(|| LoginError::unsupported("the service's public key can't be used"))?
                }
                Authentication::MoreData(CACHING_SHA2_FAST_OK) if self.plugin == CACHING_SHA2 => continue,
                Authentication::MoreData(CACHING_SHA2_FULL) if self.plugin == CACHING_SHA2 => {
                    self.whole(CACHING_SHA2_PUBLIC_KEY)?
                }
                Authentication::MoreData(_)
                | Authentication::SwitchOld
                | Authentication::NextFactor { .. } => {
                    return Err(LoginError::unsupported(
                        "the service wants a proof of another kind than a password",
                    ));
                }
            };
            let mut sequence = self.packets.sequence();
            write_auth_data(&answer, &mut sequence, out)?;
            self.packets.expect(sequence);
        }
        Ok(None)
    }

    /// What answers the plugin's challenge.
    fn proof(&mut self) -> Result<Zeroizing<Vec<u8>>, LoginError> {
        let (password, nonce) = (self.password(), &self.nonce[..]);
        Ok(match &self.plugin[..] {
            CLEAR if self.channel.tls => ended(password),
            CLEAR => return Err(no_tls()),
            NATIVE | CACHING_SHA2 | ED25519 if password.is_empty() => Zeroizing::default(),
            SHA256 if password.is_empty() => Zeroizing::new(vec![0]),
            NATIVE => scramble::native(password, nonce),
            CACHING_SHA2 => scramble::caching_sha2(password, nonce),
            ED25519 => scramble::ed25519(password, nonce),
            SHA256 => self.whole(SHA256_PUBLIC_KEY)?,
            other => {
                return Err(LoginError::unsupported(format!(
                    "the user logs in by {}; mysql_native_password, caching_sha2_password, sha256_password and ed25519 are known here",
                    String::from_utf8_lossy(other)
                )));
            }
        })
    }

    /// The password itself: over TLS, else under a key that is asked for by `request`.
    fn whole(&mut self, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, LoginError> {
        if self.channel.tls {
            return Ok(ended(self.password()));
        }
        if !self.channel.trusts_key {
            return Err(no_tls());
        }
        self.awaits_key = true;
        Ok(Zeroizing::new(request.to_vec()))
    }

    fn password(&self) -> &[u8] {
        self.secret.as_ref().map(Secret::reveal).unwrap_or_default()
    }

    fn refused(&self, error: &ErrPacket<'_>, payload: &Bytes) -> LoginError {
        let text = String::from_utf8_lossy(error.message);
        LoginError::Refused {
            code: format!("error {}", error.code),
            text: match &self.secret {
                Some(secret) => secret.kept_out_of(&text),
                None => text.into_owned(),
            },
            credentials: DENIED.contains(&error.code),
            message: FOR_CLIENTS.contains(&error.code).then(|| payload.clone()),
        }
    }
}

/// Challenges end with a zero byte that is not part of them, but for ed25519's, which are of 32 bytes.
fn challenge(data: &[u8]) -> &[u8] {
    match data.split_last() {
        Some((0, rest)) if data.len() != 32 => rest,
        _ => data,
    }
}

fn ended(password: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([password, b"\0"].concat())
}

fn no_tls() -> LoginError {
    LoginError::unsupported(
        "the service wants the password itself and there is no TLS (settings: upstream.tls; `disable` lets a key that the service \
         sends encrypt it)",
    )
}

#[cfg(test)]
mod tests;
