//! What comes before a session: the server's greeting, offered on as far as it can be followed; TLS; the login.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_sql::mysql::{Flavour, MysqlSettings};
use interdict_wire::WireError;
use interdict_wire::mysql::opening::{
    Authentication, CACHING_SHA2_FAST_OK, Greeting, Login, Opening as Wire, SslRequest,
};
use interdict_wire::mysql::response::{ErrPacket, OkPacket};
use interdict_wire::mysql::{Capabilities, Header, Reader, Sequence, write_payload};

use super::form;
use super::login::{self, CACHING_SHA2, Channel, NATIVE};
use crate::credentials::{LoginError, Secret};
use crate::refusal::{Kind, Refusal};

/// The longest message of the opening: a login with its attributes.
const LONGEST: usize = 128 << 10;

/// What is not offered to clients besides what can't be read: results without their columns, which are what tells a masked
/// column.
const WITHHELD: Capabilities =
    Capabilities::OPTIONAL_RESULTSET_METADATA.with(Capabilities::MARIADB_CACHE_METADATA);

/// The server as it introduced itself.
#[derive(Clone, Debug)]
pub struct Server {
    greeting: Bytes,
    capabilities: Capabilities,
    pub(super) flavour: Flavour,
    pub(super) version: u32,
}

/// What the driver does with what the server sent first.
#[derive(Clone, Debug)]
pub enum Greeted {
    /// More bytes are needed.
    Incomplete,
    /// Offer it to the client.
    Server(Server),
    /// The server does not want the connection: send this to the client, then close.
    Refused(Bytes),
}

/// Takes the server's greeting.
pub fn greeting(input: &mut BytesMut) -> Greeted {
    let mut reader = Reader::new(LONGEST);
    let message = match reader.message(input) {
        Ok(None) => return Greeted::Incomplete,
        Ok(Some(message)) => message,
        Err(error) => return Greeted::Refused(not_mysql(&error)),
    };
    if let Ok(error) = ErrPacket::parse(&message.payload) {
        let (mut out, mut sequence) = (BytesMut::new(), Sequence::START);
        // It was read from as many bytes: it fits.
        let _ = error.write(&mut sequence, &mut out);
        return Greeted::Refused(out.freeze());
    }
    let parsed = match Greeting::parse(&message.payload) {
        Ok(parsed) => parsed,
        Err(error) => return Greeted::Refused(not_mysql(&error)),
    };
    let named = String::from_utf8_lossy(parsed.server_version).into_owned();
    let Some((flavour, version)) = MysqlSettings::server(&named) else {
        let refusal = Refusal::new(
            Kind::Protocol,
            format!("interdict: the server's version can't be told from `{named}`"),
            Some("texts are read by the server's version; a service of `protocol: opaque` records without reading".to_owned()),
        );
        return Greeted::Refused(form::alone(&refusal, Sequence::START).freeze());
    };
    let capabilities = parsed.capabilities;
    Greeted::Server(Server {
        greeting: message.payload,
        capabilities,
        flavour,
        version,
    })
}

fn not_mysql(error: &WireError) -> Bytes {
    let refusal = Refusal::new(
        Kind::Protocol,
        format!("interdict: the service does not speak the MySQL protocol ({error})"),
        Some("the operator finds the service's protocol in the settings".to_owned()),
    );
    form::alone(&refusal, Sequence::START).freeze()
}

impl Server {
    /// Whether the server offers TLS.
    pub fn has_tls(&self) -> bool {
        self.capabilities.has(Capabilities::SSL)
    }

    fn offered(&self) -> Capabilities {
        (self.capabilities & Capabilities::READABLE)
            .without(WITHHELD)
            // Between client and proxy only.
            .with(self.capabilities & Capabilities::COMPRESS)
    }

    /// The greeting for the client, which is offered TLS or not.
    pub fn offer(&self, tls: bool) -> BytesMut {
        let mut out = BytesMut::new();
        let offered = self.offered().set(Capabilities::SSL, tls);
        if let Ok(greeting) = Greeting::parse(&self.greeting) {
            // It was read from as many bytes: it fits.
            let mut sequence = Sequence::START;
            let _ = greeting.write_with(offered, &mut sequence, &mut out);
        }
        out
    }
}

/// What the driver does next with the client.
#[derive(Clone, Debug)]
pub enum Opening {
    /// More bytes are needed.
    Incomplete,
    /// The client asks for TLS: start it. Then call [`open`] again.
    Tls,
    /// The session begins.
    Login(Box<Startup>),
    /// Send this and close.
    Refused(Bytes),
}

/// A login.
#[derive(Clone, Debug)]
pub struct Startup {
    payload: Bytes,
    /// What both sides agreed on.
    pub(super) capabilities: Capabilities,
    /// Whether the client's packets come in compressed frames once it is logged in.
    pub(super) compressed: bool,
    /// The number of the next packet on the client's side.
    pub(super) client: Sequence,
    /// The user.
    pub user: String,
    /// The default database; empty for none.
    pub database: String,
    /// `program_name` among the connection's attributes.
    pub application: String,
    /// The proxy has logged in by itself.
    pub(super) logged_in: Option<LoggedIn>,
    /// The plugin that the client was asked to answer by.
    switched_to: Option<&'static [u8]>,
}

/// A login that the proxy has made, as the client is told of it.
#[derive(Clone, Debug)]
pub(super) struct LoggedIn {
    /// The payload of the server's OK.
    ok: Bytes,
    /// The client waits to hear first that its answer was good.
    fast: bool,
}

/// What the client has to be told before its session begins, where the proxy has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// Nothing: [`Startup::logged_in`] ends the opening.
    Ready,
    /// What [`Startup::switch`] gives.
    Switch,
}

/// Takes the next message of the client's opening. `secure`: TLS was started.
pub fn open(input: &mut BytesMut, server: &Server, secure: bool) -> Opening {
    let mut reader = Reader::new(LONGEST);
    reader.expect(Sequence::at(if secure { 2 } else { 1 }));
    let message = match reader.message(input) {
        Ok(None) => return Opening::Incomplete,
        Ok(Some(message)) => message,
        Err(error) => return refused(&error, reader.sequence()),
    };
    match Wire::parse(&message.payload) {
        Ok(Wire::Ssl(_)) if !secure => Opening::Tls,
        Ok(Wire::Ssl(_)) => {
            let error = WireError::Unexpected {
                message: "SSLRequest",
                state: "TLS was started already",
            };
            refused(&error, reader.sequence())
        }
        Ok(Wire::Login(login)) => {
            let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let program = login
                .attributes
                .and_then(|attributes| attributes.get(b"program_name"));
            let agreed = login.capabilities & server.offered();
            Opening::Login(Box::new(Startup {
                capabilities: agreed.without(Capabilities::COMPRESS),
                compressed: agreed.has(Capabilities::COMPRESS),
                client: reader.sequence(),
                user: name(login.user),
                database: login.database.map(name).unwrap_or_default(),
                application: program.map(name).unwrap_or_default(),
                logged_in: None,
                switched_to: None,
                payload: message.payload.clone(),
            }))
        }
        Err(error) => refused(&error, reader.sequence()),
    }
}

/// Bytes that are missing of the message at the front of a buffer, as far as can be told.
pub fn missing(input: &[u8]) -> usize {
    match Header::peek(input) {
        None => Header::SIZE.saturating_sub(input.len()),
        Some(header) => header.total().saturating_sub(input.len()).max(1),
    }
}

fn refused(error: &WireError, sequence: Sequence) -> Opening {
    let refusal = Refusal::new(
        Kind::Protocol,
        format!("interdict: this port takes the MySQL protocol of 4.1 and later only ({error})"),
        Some("connect with a MySQL or MariaDB client".to_owned()),
    );
    Opening::Refused(form::alone(&refusal, sequence).freeze())
}

impl Startup {
    /// What asks the server for TLS.
    pub fn ssl_request(&self) -> BytesMut {
        let mut out = BytesMut::new();
        if let Ok(login) = Login::parse(&self.payload) {
            let request = SslRequest::new(self.capabilities, login.max_packet, login.charset);
            // A message of 32 bytes fits.
            let mut sequence = Sequence::at(1);
            let _ = request.write(&mut sequence, &mut out);
        }
        out
    }

    /// The login for the server; the number of the packet after it.
    pub(super) fn login(&self, secure: bool, out: &mut BytesMut) -> Result<Sequence, WireError> {
        let mut sequence = Sequence::at(if secure { 2 } else { 1 });
        let login = Login::parse(&self.payload)?;
        let login = Login {
            capabilities: self.capabilities.set(Capabilities::SSL, secure),
            ..login
        };
        login.write(&mut sequence, out)?;
        Ok(sequence)
    }
}

impl Startup {
    /// Begins a login by another user; the client's own answer to the challenge is not looked at. `server`: the one that is
    /// logged in to, which offered what this client agreed on.
    ///
    /// # Errors
    /// [`LoginError`]: that can't be written, or the server is another than the one that the client was told of.
    pub fn log_in(
        &mut self,
        server: &Server,
        user: Arc<str>,
        secret: Option<Secret>,
        channel: Channel,
        out: &mut BytesMut,
    ) -> Result<login::Login, LoginError> {
        const OF_THE_LOGIN: Capabilities = Capabilities::PLUGIN_AUTH
            .with(Capabilities::SECURE_CONNECTION)
            .with(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA);
        if self.capabilities & server.capabilities != self.capabilities {
            return Err(LoginError::unsupported(
                "the service offers less than when the client came",
            ));
        }
        let greeting = Greeting::parse(&server.greeting)?;
        let client = Login::parse(&self.payload)?;
        let capabilities = self.capabilities.without(OF_THE_LOGIN) | (server.capabilities & OF_THE_LOGIN);
        let request = Login {
            capabilities: capabilities.set(Capabilities::SSL, channel.tls),
            ..client
        };
        user.as_ref().clone_into(&mut self.user);
        let nonce = greeting.scramble().concat();
        let mut login = login::Login::new(user, secret, channel, greeting.plugin, &nonce);
        login.begin(request, Sequence::at(if channel.tls { 2 } else { 1 }), out)?;
        Ok(login)
    }

    /// What the client has to be told once the proxy has logged in. `server`: the one that it was told of.
    pub fn welcome(&self, server: &Server) -> Welcome {
        const DONE: [&[u8]; 4] = [CACHING_SHA2, NATIVE, b"mysql_clear_password", b"client_ed25519"];
        let offered = Greeting::parse(&server.greeting)
            .ok()
            .and_then(|greeting| greeting.plugin);
        match self.plugin() {
            // Where the client has a plugin of its own in mind it has not used the challenge, and waits for one.
            Some(plugin) if !DONE.contains(&plugin) || offered.is_some_and(|offered| offered != plugin) => {
                Welcome::Switch
            }
            _ => Welcome::Ready,
        }
    }

    fn plugin(&self) -> Option<&[u8]> {
        Login::parse(&self.payload).ok().and_then(|login| login.plugin)
    }

    /// Asks the client to answer by a plugin that is followed: one that every client of such a server has. Its answer is given
    /// to [`Self::switched`].
    pub fn switch(&mut self, server: &Server) -> BytesMut {
        let plugin = if self.plugin() == Some(CACHING_SHA2) || server.flavour == Flavour::Mysql {
            CACHING_SHA2
        } else {
            NATIVE
        };
        let mut out = BytesMut::new();
        let nonce = Greeting::parse(&server.greeting).map(|greeting| greeting.scramble().concat());
        let request = Authentication::Switch {
            plugin,
            data: &nonce.unwrap_or_default(),
        };
        // Far below the protocol's bound.
        let _ = request.write(self.capabilities, &mut self.client, &mut out);
        self.switched_to = Some(plugin);
        out
    }

    /// Takes the client's answer to [`Self::switch`], if it has come: whether the client waits to hear that it was good.
    ///
    /// # Errors
    /// It is not the protocol.
    pub fn switched(&mut self, input: &mut BytesMut) -> Result<Option<bool>, WireError> {
        let mut reader = Reader::new(LONGEST);
        reader.expect(self.client);
        let Some(message) = reader.message(input)? else {
            return Ok(None);
        };
        self.client = reader.sequence();
        Ok(Some(
            self.switched_to == Some(CACHING_SHA2) && message.payload.len() > 1,
        ))
    }

    /// The proxy has logged in; `ok` is the server's answer. `proven`: what [`Self::switched`] said of the client.
    pub fn logged_in(&mut self, ok: Bytes, proven: Option<bool>) {
        let login = Login::parse(&self.payload);
        // An empty password is one zero byte, or none.
        let own = login.is_ok_and(|login| login.plugin == Some(CACHING_SHA2) && login.auth_data.len() > 1);
        self.logged_in = Some(LoggedIn {
            ok,
            fast: proven.unwrap_or(own),
        });
    }

    /// What the client is told of the login that was made; false if that can't be written.
    pub(super) fn tell(&self, sequence: &mut Sequence, out: &mut BytesMut) -> Result<bool, WireError> {
        let Some(LoggedIn { ok, fast }) = &self.logged_in else {
            return Ok(false);
        };
        if *fast {
            Authentication::MoreData(CACHING_SHA2_FAST_OK).write(self.capabilities, sequence, out)?;
        }
        // In a login's text MariaDB has what proves its certificate by the hash of the password: not the client's to know.
        let ok = OkPacket {
            info: &[],
            ..OkPacket::parse(ok, self.capabilities)?
        };
        ok.write(self.capabilities, sequence, out)?;
        Ok(true)
    }

    /// An error of the server's in the place of the answer to the client's login.
    pub fn refused_by_server(&self, payload: &[u8]) -> BytesMut {
        let (mut out, mut sequence) = (BytesMut::new(), self.client);
        // It was read from as many bytes: it fits.
        let _ = write_payload(payload, &mut sequence, &mut out);
        out
    }
}

/// A refusal in the place of the answer to a login.
pub(super) fn refusal_to_login(refusal: &Refusal, startup: &Startup) -> BytesMut {
    form::alone(refusal, startup.client)
}
