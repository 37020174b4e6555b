//! The MySQL and MariaDB engine.
//!
//! [`greeting`] and [`open`] take what comes up to the login; an [`Engine`] then follows one session. The protocol has one
//! exchange at a time: a command is answered entirely before the next is looked at. Packets are numbered anew on each side,
//! because rows that are masked and answers of the engine's own do not take as many packets as the server sent.
//!
//! What the server says of a column's origin can be forged by a derived table, so it only ever adds a mask; what clears a column
//! is the statement's lineage.

mod aside;
mod client;
mod diagnostics;
mod form;
mod hold;
pub mod login;
mod opening;
mod opinion;
mod prepared;
mod result;
mod server;
mod texts;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use interdict_record::Micros;
use interdict_sql::mysql::{Charset, MysqlSettings, SqlMode};
use interdict_wire::mysql::response::Responses;
use interdict_wire::mysql::{Capabilities, Compressed, Reader, Sequence};

pub use opening::{Greeted, Opening, Server, Startup, Welcome, greeting, missing, open};

use crate::context::{Context, Shared};
use crate::output::{Action, EndReason, LastWords, Output};
use crate::refusal::{self, Kind, NotLoggedIn, Refusal};
use crate::session::{Dialect, Login, Session};
use aside::Aside;
pub(crate) use form::sqlstate;
use prepared::Statements;
use result::Run;

/// One MySQL session between a client and a server.
pub struct Engine {
    pub(crate) session: Session,
    capabilities: Capabilities,
    phase: Phase,
    /// The proxy has logged in with credentials that are not the client's.
    injected: bool,
    settings: MysqlSettings,
    /// Whether `settings` and the default database are what the server has.
    settled: bool,

    from_client: Reader,
    from_server: Reader,
    /// The client's packets come and go in frames, and what has come of them.
    compressed: Option<Compressed>,
    inflated: BytesMut,
    /// Numbers of the next packets on both sides, in the exchange that is going on.
    client_sequence: Sequence,
    server_sequence: Sequence,

    exchange: Option<Exchange>,
    /// A command that waits for the engine's own question to be answered.
    waiting: Option<Bytes>,
    statements: Statements,
    in_transaction: bool,
    /// The last statement touched masked columns: what the server says of it may quote them.
    diagnostics_quote: bool,
    /// The client was told of a failure already: the rest of the answer is dropped.
    muted: bool,
    /// Where a result stopped that waits for a person.
    stopped_at: Option<hold::Stopped>,
    /// Parts of a row too long to hold pass on as they come.
    passing: bool,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Authentication,
    Commands,
    /// A binary log that a rule allowed to be sent.
    Stream,
}

/// What is being answered.
enum Exchange {
    /// The client's command.
    Command(Box<Command>),
    /// Another user, authenticated anew: messages pass both ways.
    ChangeUser,
    /// The engine's own question.
    Aside(Box<Aside>),
}

struct Command {
    responses: Responses,
    /// Whether rows come as text.
    text: bool,
    what: What,
    /// Statements whose results are due, in order.
    runs: VecDeque<Run>,
    /// All results belong to the one statement.
    one_statement: bool,
}

/// What else comes of a command.
enum What {
    Plain,
    /// A statement is prepared.
    Prepare {
        prepared: Option<prepared::Prepared>,
    },
    /// A prepared statement runs.
    Execute {
        statement: u32,
    },
    /// The session is as new when it has been answered.
    Reset,
    /// Several statements in a text are allowed, or not, when it has been answered.
    MultiStatements(bool),
}

impl Engine {
    /// Begins a session: the login goes to the server. `secure`: TLS was started with it.
    pub fn new(
        shared: Arc<Shared>,
        context: Context,
        server: &Server,
        startup: &Startup,
        secure: bool,
        out: &mut Output,
    ) -> Self {
        let login = Login {
            user: &startup.user,
            database: &startup.database,
            application: &startup.application,
        };
        let limit = context.limits.message;
        let session = Session::new(shared, context, Dialect::Mysql(server.flavour), &login, out);
        let settings = MysqlSettings {
            flavour: server.flavour,
            version: server.version,
            mode: SqlMode::default(),
            charset: Charset::Unsafe,
            multi_statements: startup.capabilities.has(Capabilities::MULTI_STATEMENTS),
            parameters: false,
            lower_case_tables: false,
        };
        let mut engine = Self {
            session,
            capabilities: startup.capabilities,
            phase: Phase::Authentication,
            injected: false,
            settings,
            settled: false,
            compressed: startup.compressed.then(Compressed::default),
            inflated: BytesMut::new(),
            from_client: Reader::new(limit),
            from_server: Reader::new(limit),
            client_sequence: startup.client,
            server_sequence: Sequence::START,
            exchange: None,
            waiting: None,
            statements: Statements::default(),
            in_transaction: false,
            diagnostics_quote: false,
            muted: false,
            stopped_at: None,
            passing: false,
            ended: false,
        };
        match startup.tell(&mut engine.client_sequence, &mut out.to_client) {
            Ok(true) => {
                engine.injected = true;
                engine.in_session();
            }
            Ok(false) => match startup.login(secure, &mut out.to_server) {
                Ok(sequence) => engine.server_sequence = sequence,
                Err(error) => engine.desynchronised("client", &error, out),
            },
            Err(error) => engine.desynchronised("server", &error, out),
        }
        engine
    }

    /// Takes what the client sent; whole messages are removed from `input`.
    pub fn on_client(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        let (before, shown) = (input.len(), out.to_client.len());
        let framed = self.is_framed();
        if framed {
            self.inflate(input, out);
            let mut inflated = std::mem::take(&mut self.inflated);
            while self.wants_client() && self.client_step(&mut inflated, now, out) {
                out.note_ends();
            }
            self.inflated = inflated;
        } else {
            while self.wants_client() && self.client_step(input, now, out) {
                out.note_ends();
            }
        }
        self.session.totals.bytes_in += (before - input.len()) as u64;
        out.note_ends();
        self.frame(framed, shown, out);
    }

    /// Whether the client's packets are in frames now: from the end of its login on.
    fn is_framed(&self) -> bool {
        self.compressed.is_some() && self.phase != Phase::Authentication
    }

    fn inflate(&mut self, input: &mut BytesMut, out: &mut Output) {
        // What is not looked at yet is not read on.
        if !self.wants_client() {
            return;
        }
        if let Some(compressed) = &mut self.compressed
            && let Err(error) = compressed.read(input, &mut self.inflated)
        {
            self.desynchronised("client", &error, out);
        }
    }

    /// Puts what was appended for the client in frames.
    fn frame(&mut self, framed: bool, before: usize, out: &mut Output) {
        if framed
            && out.to_client.len() > before
            && let Some(compressed) = &mut self.compressed
        {
            let packets = out.to_client.split_off(before);
            compressed.write(&packets, &mut out.to_client);
            out.shown = packets;
        }
    }

    /// Takes what the server sent.
    pub fn on_server(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        let before = out.to_client.len();
        let framed = self.is_framed();
        while !self.ended && !self.session.is_asking() && self.server_step(input, now, out) {
            out.note_ends();
        }
        out.note_ends();
        self.frame(framed, before, out);
        self.session.totals.bytes_out += out.to_client.len().saturating_sub(before) as u64;
    }

    /// Whether the client's bytes are to be read: not while it is answered.
    pub fn wants_client(&self) -> bool {
        !self.ended
            && !self.session.awaits_catalogue()
            && !self.session.awaits_person()
            && match (&self.exchange, self.phase) {
                (_, Phase::Authentication | Phase::Stream) | (None | Some(Exchange::ChangeUser), _) => true,
                (Some(Exchange::Command(command)), _) => command.responses.awaits_file(),
                (Some(Exchange::Aside(_)), _) => false,
            }
    }

    /// Whether the session could end here and nothing would be half done.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Commands
            && self.exchange.is_none()
            && self.waiting.is_none()
            && !self.in_transaction
            && !self.from_client.is_inside()
            && self.inflated.is_empty()
    }

    /// Whether a command that was taken already waits to be looked at again.
    pub fn has_waiting(&self) -> bool {
        self.waiting.is_some() || !self.inflated.is_empty()
    }

    /// Ends the session: what is unfinished is recorded as cut, then the session's end.
    pub fn finish(&mut self, reason: EndReason, now: Micros, out: &mut Output) {
        if let Some(Exchange::Command(command)) = self.exchange.take() {
            for run in command.runs {
                self.end_run(run, "cut", None, now, out);
            }
        }
        self.ended = true;
        self.session.finish(reason, now, out);
    }

    /// Tells the client why, and closes.
    fn cut(&mut self, refusal: &Refusal, reason: EndReason, out: &mut Output) {
        form::error(refusal, &mut self.client_sequence, &mut out.to_client);
        out.action = Some(Action::Close(reason));
        self.ended = true;
    }

    fn desynchronised(&mut self, side: &str, what: &impl std::fmt::Display, out: &mut Output) {
        let refusal = Refusal::new(
            Kind::Protocol,
            format!("interdict: the {side} sent something that is not the MySQL protocol: {what}"),
            Some("the session is closed because its meaning can no longer be judged".to_owned()),
        );
        self.cut(&refusal, EndReason::Desynchronised, out);
    }

    /// What the client is told in the place of anything else when its session ends.
    pub fn last_words(&mut self, why: LastWords) -> BytesMut {
        let refusal = refusal::last_words(why);
        let mut out = BytesMut::new();
        form::error(&refusal, &mut self.client_sequence, &mut out);
        if self.is_framed()
            && let Some(compressed) = &mut self.compressed
        {
            let mut framed = BytesMut::new();
            compressed.write(&out, &mut framed);
            return framed;
        }
        out
    }
}

/// What a client is told when the service can't be reached; it waits for the greeting.
pub fn unreachable(why: &str) -> BytesMut {
    form::alone(&refusal::unreachable(why), Sequence::START)
}

/// What a client is told, in the place of the answer to its login, when the login that the proxy makes for it fails.
pub fn not_logged_in(why: &NotLoggedIn<'_>, startup: &Startup) -> BytesMut {
    opening::refusal_to_login(&refusal::not_logged_in(why), startup)
}

/// What a client is told, instead of a greeting, when it is not served.
pub fn turned_away(why: LastWords) -> BytesMut {
    form::alone(&refusal::last_words(why), Sequence::START)
}

/// What a client is told when the service can't be reached, in the place of the answer to its login.
pub fn unreachable_after(why: &str, startup: &Startup) -> BytesMut {
    opening::refusal_to_login(&refusal::unreachable(why), startup)
}
