//! A login that the proxy makes itself: what answers the server's requests for it.
//!
//! Sources: PostgreSQL documentation, "Message Flow: Start-up" and "SASL Authentication"; RFC 5802, RFC 5929.

mod again;
mod scram;

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use interdict_wire::postgres::Header;
use interdict_wire::postgres::backend::{self, Authentication, Fields, Mechanisms, Message};
use interdict_wire::postgres::frontend::{Password, SaslInitial};
use postgres_protocol::authentication::md5_hash;
use zeroize::Zeroizing;

pub use self::again::{Greeting, Reset};
use self::scram::{Binding, Scram};
use crate::credentials::{LoginError, Secret};

/// A longer message has no place before the session is ready.
const LONGEST: usize = 64 << 10;

/// Mechanisms of SASL, without and with a binding to TLS.
const PLAIN: &str = "SCRAM-SHA-256";
const PLUS: &str = "SCRAM-SHA-256-PLUS";

/// How the server is reached, as far as a password's way to it depends on that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Whether there is TLS.
    pub tls: bool,
    /// `tls-server-end-point` of the server's certificate (RFC 5929), if its signature has a hash.
    pub end_point: Option<Vec<u8>>,
}

/// A login under way.
pub struct Login {
    user: Arc<str>,
    /// `None`: the server is expected to ask for none (trust, a certificate).
    secret: Option<Secret>,
    channel: Channel,
    scram: Option<Scram>,
    proven: bool,
    prelude: BytesMut,
}

impl Login {
    /// Begins one; the start-up message is sent already.
    pub fn new(user: Arc<str>, secret: Option<Secret>, channel: Channel) -> Self {
        Self {
            user,
            secret,
            channel,
            scram: None,
            proven: false,
            prelude: BytesMut::new(),
        }
    }

    /// Takes what the server sent up to its AuthenticationOk, and appends what answers it. True once the login is made; what is
    /// left in `input` belongs to the session. What is in `out` may hold the password: it is to be overwritten once it is sent.
    ///
    /// # Errors
    /// [`LoginError`]; the connection is of no more use.
    pub fn take(&mut self, input: &mut BytesMut, out: &mut BytesMut) -> Result<bool, LoginError> {
        while let Some(header) = Header::peek(input)? {
            if header.total() > LONGEST {
                return Err(unasked());
            }
            if input.len() < header.total() {
                break;
            }
            let message = input.split_to(header.total());
            let mut body = &message[..];
            body.advance(Header::SIZE);
            match backend::parse(header.tag, body)? {
                Message::Authentication(step) => {
                    if self.step(step, out)? {
                        return Ok(true);
                    }
                }
                Message::ErrorResponse(fields) => return Err(self.refused(fields, &message)),
                // The version that the client asked for is not the server's newest.
                Message::NegotiateProtocolVersion(_) => self.prelude.extend_from_slice(&message),
                Message::NoticeResponse(_) => {}
                _ => return Err(unasked()),
            }
        }
        Ok(false)
    }

    /// What the server said that the client has to know before it hears that it is in.
    pub fn prelude(&mut self) -> Bytes {
        self.prelude.split().freeze()
    }

    fn step(&mut self, step: Authentication<'_>, out: &mut BytesMut) -> Result<bool, LoginError> {
        match step {
            // A server that does not prove itself by SCRAM though it began may be another.
            Authentication::Ok if self.scram.is_some() && !self.proven => {
                return Err(LoginError::unsupported(
                    "the service did not prove that it knows the password",
                ));
            }
            Authentication::Ok => return Ok(true),
            Authentication::CleartextPassword if !self.channel.tls => {
                return Err(LoginError::unsupported(
                    "the service wants the password in clear and there is no TLS (settings: upstream.tls)",
                ));
            }
            Authentication::CleartextPassword => Password::write_password(out, self.secret()?.reveal())?,
            Authentication::Md5Password { salt } => {
                let hash = md5_hash(self.user.as_bytes(), self.secret()?.reveal(), salt);
                Password::write_password(out, Zeroizing::new(hash).as_bytes())?;
            }
            Authentication::Sasl(mechanisms) => {
                let (mechanism, binding) = self.mechanism(mechanisms)?;
                let exchange = Scram::new(self.secret()?.reveal(), binding)?;
                SaslInitial {
                    mechanism: mechanism.as_bytes(),
                    response: Some(exchange.message().as_bytes()),
                }
                .write(out)?;
                self.scram = Some(exchange);
            }
            Authentication::SaslContinue(data) => {
                let exchange = self.scram.as_mut().filter(|_| !self.proven).ok_or_else(unasked)?;
                exchange.update(data)?;
                Password(exchange.message().as_bytes()).write(out)?;
            }
            Authentication::SaslFinal(data) => {
                let exchange = self.scram.as_mut().filter(|_| !self.proven).ok_or_else(unasked)?;
                exchange.finish(data)?;
                self.proven = true;
            }
            Authentication::Gss | Authentication::GssContinue(_) | Authentication::Sspi => {
                return Err(LoginError::unsupported(
                    "the service wants Kerberos; the login needs a password (scram-sha-256, md5, password or trust)",
                ));
            }
        }
        Ok(false)
    }

    fn secret(&self) -> Result<&Secret, LoginError> {
        self.secret.as_ref().ok_or_else(|| {
            LoginError::unsupported("the service wants a password, and the settings have none for this login")
        })
    }

    /// The best of the mechanisms that both know.
    fn mechanism(&self, offered: Mechanisms<'_>) -> Result<(&'static str, Binding), LoginError> {
        let has = |name: &str| offered.iter().any(|offered| offered == name.as_bytes());
        match &self.channel.end_point {
            Some(hash) if has(PLUS) => Ok((PLUS, Binding::EndPoint(hash.clone()))),
            // Told that it could have been bound: a service that could too knows that somebody is between.
            Some(_) if has(PLAIN) => Ok((PLAIN, Binding::Unrequested)),
            None if has(PLAIN) => Ok((PLAIN, Binding::Unsupported)),
            _ => Err(LoginError::unsupported("the service offers no SCRAM-SHA-256")),
        }
    }

    fn refused(&self, fields: Fields<'_>, message: &[u8]) -> LoginError {
        let text = String::from_utf8_lossy(fields.message().unwrap_or_default());
        let code = String::from_utf8_lossy(fields.code().unwrap_or_default()).into_owned();
        // Class 28, invalid authorization, names user and address: the client is not told.
        let credentials = code.starts_with("28");
        LoginError::Refused {
            text: match &self.secret {
                Some(secret) => secret.kept_out_of(&text),
                None => text.into_owned(),
            },
            message: (!credentials).then(|| Bytes::copy_from_slice(message)),
            credentials,
            code,
        }
    }
}

fn unasked() -> LoginError {
    LoginError::unsupported("the service answered with something that was not asked for")
}

#[cfg(test)]
mod tests;
