//! What a client says before its first tagged message: TLS or GSS encryption wanted, a cancel request, or the start-up.

use bytes::{Bytes, BytesMut};
use interdict_wire::postgres::opening::{self, Opening as Wire};

use crate::postgres::form;
use crate::refusal::{Kind, Refusal};

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
    /// The parameter by which the session asks to be somebody else from its start on.
    pub role: Option<&'static str>,
    /// The proxy has logged in by itself, and this is what the client has to be told before it hears that it is in.
    pub logged_in: Option<Bytes>,
    /// The session with the server outlives the client's where it ends in order: the client's goodbye is not passed on then.
    pub kept: bool,
}

/// A start-up message with another user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartAs {
    /// To be sent to the service.
    Startup(Startup),
    /// The message names a role besides, by this parameter: it would be somebody else than the user in question.
    Role(&'static str),
    /// It can't be written with that user: too long, or a zero byte in it.
    Unwritable,
}

impl Startup {
    /// The same start-up by another user. What the client said of itself is only a claim: its user is dropped, and where it
    /// names no database the server takes the new user's name for it.
    pub fn of_user(&self, user: &str) -> StartAs {
        let Ok(Some((Wire::Startup(parsed), _))) = opening::parse(&self.message) else {
            return StartAs::Unwritable;
        };
        if let Some(parameter) = role(&parsed.parameters) {
            return StartAs::Role(parameter);
        }
        let mut parameters = vec![("user", user)];
        let others = parsed.parameters.iter().filter(|(name, _)| *name != "user");
        parameters.extend(others.copied());
        let mut message = BytesMut::new();
        let written = opening::Startup { parameters, ..parsed }.write(&mut message);
        if written.is_err() {
            return StartAs::Unwritable;
        }
        // What is said of it is read from the message itself, as of any.
        match open(&mut message) {
            Opening::Startup(startup) => StartAs::Startup(startup),
            _ => StartAs::Unwritable,
        }
    }
}

/// The parameter that changes who the session is: by its name, or within `options` as the server splits them
/// (`pg_split_opts`: a backslash takes the next character as it is; names of settings know no case, nor `-` from `_`).
fn role(parameters: &[(&str, &str)]) -> Option<&'static str> {
    const NAMES: [&str; 2] = ["role", "session_authorization"];
    let plain = |text: &str| {
        text.chars()
            .filter(|letter| *letter != '\\')
            .map(|letter| {
                if letter == '-' {
                    '_'
                } else {
                    letter.to_ascii_lowercase()
                }
            })
            .collect::<String>()
    };
    NAMES.into_iter().find(|wanted| {
        parameters.iter().any(|(name, value)| {
            plain(name) == *wanted
                || *name == "options"
                    && plain(value)
                        .split_ascii_whitespace()
                        .filter_map(|word| word.split('=').next())
                        .any(|name| name.trim_start_matches("_c").trim_start_matches('_') == *wanted)
        })
    })
}

/// Takes the next opening message from `input`.
pub fn open(input: &mut BytesMut) -> Opening {
    let (opening, length) = match opening::parse(input) {
        Ok(None) => return Opening::Incomplete,
        Ok(Some((Wire::DirectTls, _))) => return Opening::DirectTls,
        Ok(Some((message, length))) => (classify(&message), length),
        Err(error) => {
            let refusal = Refusal::new(
                Kind::Protocol,
                format!("interdict: this port takes the PostgreSQL protocol only ({error})"),
                Some("connect with a PostgreSQL client".to_owned()),
            );
            return Opening::Refused(form::fatal(&refusal).freeze());
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
                role: role(&startup.parameters),
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
                logged_in: None,
                kept: false,
                user,
            })
        }
    }
}
