//! What a client says before its first tagged message: TLS or GSS encryption wanted, a cancel request, or the start-up.

use bytes::{Bytes, BytesMut};
use interdict_wire::postgres::opening::{self, Opening as Wire};

use super::refusal::{PROTOCOL, Refusal};

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// More bytes are needed.
    Incomplete,
    /// The client asks for TLS: answer `S` and start it, or answer `N`.
    Tls,
    /// The client asks for GSS encryption: answer `N`; it then asks for TLS or starts up.
    Gss,
    /// A TLS ClientHello without an SSLRequest (`sslnegotiation=direct`). Nothing was consumed.
    DirectTls,
    /// Forward this whole message to the service on a connection of its own, then close.
    Cancel(Bytes),
    /// The session begins.
    Startup(Startup),
    /// Send this and close.
    Refused(Bytes),
}

/// A start-up message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    /// The whole message, to be forwarded.
    pub message: Bytes,
    /// `user`.
    pub user: String,
    /// `database`; the user's name if it is absent, as the server has it.
    pub database: String,
    /// `application_name`.
    pub application: String,
    /// Whether a replication connection is asked for.
    pub replication: bool,
}

/// Takes the next opening message from `input`.
pub fn open(input: &mut BytesMut) -> Opening {
    let (opening, length) = match opening::parse(input) {
        Ok(None) => return Opening::Incomplete,
        Ok(Some((Wire::DirectTls, _))) => return Opening::DirectTls,
        Ok(Some((message, length))) => (classify(&message), length),
        Err(error) => {
            let refusal = Refusal::new(
                PROTOCOL,
                format!("interdict: this port takes the PostgreSQL protocol only ({error})"),
                Some("connect with a PostgreSQL client".to_owned()),
            );
            return Opening::Refused(refusal.fatal().freeze());
        }
    };
    let message = input.split_to(length.min(input.len())).freeze();
    match opening {
        Opening::Startup(startup) => Opening::Startup(Startup { message, ..startup }),
        Opening::Cancel(_) => Opening::Cancel(message),
        other => other,
    }
}

fn classify(message: &Wire<'_>) -> Opening {
    match message {
        Wire::Ssl => Opening::Tls,
        Wire::GssEnc => Opening::Gss,
        Wire::DirectTls => Opening::DirectTls,
        Wire::Cancel { .. } => Opening::Cancel(Bytes::new()),
        Wire::Startup(startup) => {
            let find = |name: &str| {
                startup
                    .parameters
                    .iter()
                    .rev()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            };
            let user = find("user").unwrap_or_default();
            Opening::Startup(Startup {
                message: Bytes::new(),
                database: find("database")
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| user.clone()),
                application: find("application_name").unwrap_or_default(),
                // Any value but a false one asks for a walsender (walsender documentation, "replication").
                replication: find("replication").is_some_and(|value| {
                    !matches!(
                        value.to_ascii_lowercase().as_str(),
                        "" | "false" | "off" | "no" | "0" | "f" | "n"
                    )
                }),
                user,
            })
        }
    }
}
