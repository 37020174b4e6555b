//! The client's part of SCRAM-SHA-256, with nothing of the password left behind.
//!
//! Sources: RFC 5802, RFC 7677; RFC 4013 for what is not plain ASCII in a password, which PostgreSQL takes as it is where that does
//! not go.

use std::io;
use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A server chooses how much work it is: more than this is an attack, or a mistake.
const MOST: u32 = 600_000;

/// How the exchange is bound to TLS.
pub(super) enum Binding {
    /// There is nothing to bind to.
    Unsupported,
    /// There is, and the server offers nothing that does.
    Unrequested,
    /// `tls-server-end-point`.
    EndPoint(Vec<u8>),
}

/// An exchange under way.
pub(super) struct Scram {
    password: Zeroizing<Vec<u8>>,
    binding: Binding,
    nonce: String,
    /// The first message without its header.
    bare: String,
    message: String,
    /// The server's signature, once it is known.
    expected: Option<hmac::Tag>,
}

impl Scram {
    pub(super) fn new(password: &[u8], binding: Binding) -> io::Result<Self> {
        let mut random = [0; 18];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| io::Error::other("there are no random numbers"))?;
        // The user is the start-up message's.
        Ok(Self::with("", STANDARD.encode(random), password, binding))
    }

    fn with(user: &str, nonce: String, password: &[u8], binding: Binding) -> Self {
        let bare = format!("n={user},r={nonce}");
        Self {
            password: prepared(password),
            message: format!("{}{bare}", header(&binding)),
            binding,
            nonce,
            bare,
            expected: None,
        }
    }

    /// What is to be sent.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Takes the server's first message.
    pub(super) fn update(&mut self, data: &[u8]) -> io::Result<()> {
        let first = std::str::from_utf8(data).map_err(io::Error::other)?;
        let mut parts = first.split(',');
        let mut part = |name: &str| {
            let part = parts.next().and_then(|part| part.strip_prefix(name));
            part.ok_or_else(|| io::Error::other("the server's first message of SCRAM has another form"))
        };
        let (nonce, salt, count) = (part("r=")?, part("s=")?, part("i=")?);
        if self.nonce.is_empty() || !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(io::Error::other(
                "the server's nonce does not go on from the client's",
            ));
        }
        let salt = STANDARD.decode(salt).map_err(io::Error::other)?;
        let count = count
            .parse()
            .ok()
            .filter(|count: &NonZeroU32| count.get() <= MOST);
        let count = count.ok_or_else(|| {
            io::Error::other(format!(
                "the server asks for more than {MOST} iterations, or none"
            ))
        })?;
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::derive(PBKDF2_HMAC_SHA256, count, &salt, &self.password, &mut *salted);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text);
        let secret = |tag: hmac::Tag| Zeroizing::new(tag.as_ref().to_vec());

        let mut bound = header(&self.binding).as_bytes().to_vec();
        if let Binding::EndPoint(hash) = &self.binding {
            bound.extend_from_slice(hash);
        }
        let last = format!("c={},r={nonce}", STANDARD.encode(bound));
        let exchange = format!("{},{first},{last}", self.bare);
        let key = secret(sign(&*salted, b"Client Key"));
        let signature = sign(digest(&SHA256, &key).as_ref(), exchange.as_bytes());
        let proof: Vec<u8> = key.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        self.message = format!("{last},p={}", STANDARD.encode(proof));
        let key = secret(sign(&*salted, b"Server Key"));
        self.expected = Some(sign(&key, exchange.as_bytes()));
        // It is not needed again, nor is a second first message taken.
        self.password = Zeroizing::default();
        self.nonce.clear();
        Ok(())
    }

    /// Takes the server's last message: whether it knows the password too.
    pub(super) fn finish(&mut self, data: &[u8]) -> io::Result<()> {
        let signature = data
            .strip_prefix(b"v=")
            .and_then(|data| STANDARD.decode(data).ok());
        let expected = self.expected.take();
        let known = signature.zip(expected).is_some_and(|(signature, expected)| {
            verify_slices_are_equal(&signature, expected.as_ref()).is_ok()
        });
        if known {
            Ok(())
        } else {
            Err(io::Error::other("the server does not know the password"))
        }
    }
}

fn header(binding: &Binding) -> &'static str {
    match binding {
        Binding::Unsupported => "n,,",
        Binding::Unrequested => "y,,",
        Binding::EndPoint(_) => "p=tls-server-end-point,,",
    }
}

fn prepared(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let text = std::str::from_utf8(password).ok().filter(|text| !text.is_ascii());
    match text.and_then(|text| stringprep::saslprep(text).ok()) {
        Some(prepared) => Zeroizing::new(prepared.into_owned().into_bytes()),
        None => Zeroizing::new(password.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn example(binding: Binding) -> Scram {
        Scram::with("user", "rOprNGfwEbeRWgbNEkqO".to_owned(), b"pencil", binding)
    }

    /// RFC 7677, section 3.
    #[test]
    fn it_is_as_the_rfc_has_it() {
        let mut scram = example(Binding::Unsupported);
        assert_eq!(scram.message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        scram.update(FIRST).unwrap();
        assert_eq!(
            scram.message(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(scram.update(FIRST).is_err(), "only once");
        scram.finish(last).unwrap();
        assert!(scram.finish(last).is_err(), "only once");
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_refused() {
        for last in [
            &b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="[..],
            b"v=",
            b"e=other",
            b"",
        ] {
            let mut scram = example(Binding::Unsupported);
            scram.update(FIRST).unwrap();
            assert!(scram.finish(last).is_err());
        }
        // Bound to TLS, the signature is another.
        let mut scram = example(Binding::EndPoint(vec![1, 2, 3]));
        assert_eq!(
            scram.message(),
            "p=tls-server-end-point,,n=user,r=rOprNGfwEbeRWgbNEkqO"
        );
        scram.update(FIRST).unwrap();
        assert!(
            scram
                .message()
                .starts_with("c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAQID,r=")
        );
        assert!(
            scram
                .finish(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
                .is_err()
        );
        for first in [
            &b"r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"[..],
            b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=600001",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=!,i=1",
            b"",
        ] {
            assert!(example(Binding::Unsupported).update(first).is_err());
        }
    }
}
