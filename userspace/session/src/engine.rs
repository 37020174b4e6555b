//! Either engine, as its driver sees it.

use bytes::{Bytes, BytesMut};
use interdict_masking::Finding;
use interdict_policy::Ruling;
use interdict_record::Micros;

use crate::output::{Action, EndReason, LastWords, Output, Question};
use crate::session::Session;
use crate::{mysql, postgres};

/// An engine.
pub enum Engine {
    /// PostgreSQL's.
    Postgres(Box<postgres::Engine>),
    /// MySQL's and MariaDB's.
    Mysql(Box<mysql::Engine>),
}

impl Engine {
    fn session(&self) -> &Session {
        match self {
            Self::Postgres(engine) => &engine.session,
            Self::Mysql(engine) => &engine.session,
        }
    }

    /// Takes what the client sent; whole messages are removed from `input`. Call it again with what is left when more
    /// arrives, and after [`Engine::on_server`] once [`Engine::wants_client`] is true again.
    pub fn on_client(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        match self {
            Self::Postgres(engine) => engine.on_client(input, now, out),
            Self::Mysql(engine) => engine.on_client(input, now, out),
        }
    }

    /// Takes what the server sent.
    pub fn on_server(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) {
        match self {
            Self::Postgres(engine) => engine.on_server(input, now, out),
            Self::Mysql(engine) => engine.on_server(input, now, out),
        }
    }

    /// Whether the client's bytes are to be read.
    pub fn wants_client(&self) -> bool {
        match self {
            Self::Postgres(engine) => engine.wants_client(),
            Self::Mysql(engine) => engine.wants_client(),
        }
    }

    /// Whether a message that was taken already waits to be looked at again.
    pub fn has_waiting(&self) -> bool {
        match self {
            Self::Postgres(engine) => engine.has_waiting(),
            Self::Mysql(engine) => engine.has_waiting(),
        }
    }

    /// Whether the session could end here and nothing would be half done.
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Postgres(engine) => engine.is_idle(),
            Self::Mysql(engine) => engine.is_idle(),
        }
    }

    /// Whether the session with the server can be another client's now.
    pub fn is_reusable(&self) -> bool {
        match self {
            Self::Postgres(engine) => engine.is_reusable(),
            Self::Mysql(_) => false,
        }
    }

    /// When [`Self::on_time`] is to be called, if nothing comes before.
    pub fn deadline(&self) -> Option<Micros> {
        let session = self.session();
        session
            .opinions_due()
            .into_iter()
            .chain(session.grant_ends())
            .min()
    }

    /// Whether an answer to a question is waited for: until then nothing is taken from the server.
    pub fn is_asking(&self) -> bool {
        self.session().is_asking()
    }

    /// Whether nothing goes on until a person has decided about an [`Output::petition`].
    pub fn awaits_person(&self) -> bool {
        self.session().awaits_person()
    }

    /// Whether the session has made use of a grant, so that it ends with it.
    pub fn rests_on_grant(&self) -> bool {
        self.session().grant_ends().is_some()
    }

    /// Takes what a person, or the lack of one, has decided. Then [`Self::on_server`] and [`Self::on_client`] are to be called.
    pub fn on_ruling(&mut self, ruling: Ruling, now: Micros, out: &mut Output) {
        match self {
            Self::Postgres(engine) => engine.on_ruling(ruling, now, out),
            Self::Mysql(engine) => engine.on_ruling(ruling, now, out),
        }
    }

    /// What a client names to have this session's statement cancelled from another connection, once it knows it.
    pub fn cancel_key(&self) -> Option<&Bytes> {
        match self {
            Self::Postgres(engine) => engine.cancel_key(),
            // Its clients send a statement (KILL).
            Self::Mysql(_) => None,
        }
    }

    /// The time is `now`, or grants have changed, and nothing else happened.
    pub fn on_time(&mut self, now: Micros, out: &mut Output) {
        if self.session().ended_grant(now).is_some() {
            let last_words = self.last_words(LastWords::Grant);
            out.to_client.extend_from_slice(&last_words);
            out.action = Some(Action::Close(EndReason::Grant));
            return;
        }
        match self {
            Self::Postgres(engine) => engine.on_time(now, out),
            Self::Mysql(engine) => engine.on_time(now, out),
        }
    }

    /// Takes what a service answered to a [`Question`], or why there is no answer.
    pub fn on_opinion(
        &mut self,
        question: &Question,
        found: Result<Vec<Vec<Finding>>, String>,
        now: Micros,
        out: &mut Output,
    ) {
        match self {
            Self::Postgres(engine) => engine.on_opinion(question, found, now, out),
            Self::Mysql(engine) => engine.on_opinion(question, found, now, out),
        }
    }

    /// Takes the word that a catalogue of [`Output::catalogue`] was looked at, or why it could not be. Then
    /// [`Self::on_client`] is to be called.
    pub fn on_catalogue(&mut self, came: Result<(), String>, now: Micros, out: &mut Output) {
        match self {
            Self::Postgres(engine) => engine.on_catalogue(came, now, out),
            Self::Mysql(engine) => engine.on_catalogue(came, now, out),
        }
    }

    /// Ends the session: what is unfinished is recorded as cut, then the session's end.
    pub fn finish(&mut self, reason: EndReason, now: Micros, out: &mut Output) {
        match self {
            Self::Postgres(engine) => engine.finish(reason, now, out),
            Self::Mysql(engine) => engine.finish(reason, now, out),
        }
    }

    /// What the client is told when its session is ended from outside.
    pub fn last_words(&mut self, why: LastWords) -> BytesMut {
        match self {
            Self::Postgres(_) => postgres::last_words(why),
            Self::Mysql(engine) => engine.last_words(why),
        }
    }
}
