//! What the client sends: each command is forwarded, answered, or made to wait.

mod judging;
mod prepared;
mod query;

use bytes::{Bytes, BytesMut};
use interdict_record::Micros;
use interdict_sql::{Effect, Effects};
use interdict_wire::WireError;
use interdict_wire::mysql::command::Command as Wire;
use interdict_wire::mysql::response::{Answer, Responses};
use interdict_wire::mysql::{Sequence, write_payload};

use super::result::Run;
use super::texts::spelled;
use super::{Command, Engine, Exchange, Phase, What, form};
use crate::output::{Action, EndReason, Output};
use crate::refusal::{Kind, Refusal};
use crate::session::Judgement;

impl Engine {
    /// Takes one message from the client; false if there is none.
    pub(super) fn client_step(&mut self, input: &mut BytesMut, now: Micros, out: &mut Output) -> bool {
        if let Some(message) = self.waiting.take() {
            self.command(message, now, out);
            return true;
        }
        if self.phase == Phase::Stream {
            out.to_server.extend_from_slice(&input.split());
            return false;
        }
        let relays = self.phase == Phase::Authentication || self.exchange.is_some();
        if !self.from_client.is_inside() {
            let due = if relays {
                self.client_sequence
            } else {
                Sequence::START
            };
            self.from_client.expect(due);
        }
        let message = match self.from_client.message(input) {
            Ok(Some(message)) => message,
            Ok(None) => return false,
            Err(WireError::Limit { bytes, limit, .. }) => {
                self.too_long(bytes, limit, now, out);
                return false;
            }
            Err(error) => {
                self.desynchronised("client", &error, out);
                return false;
            }
        };
        self.client_sequence = self.from_client.sequence();
        if relays {
            if let Some(Exchange::Command(command)) = &mut self.exchange
                && let Err(error) = command.responses.file_data(message.payload.len())
            {
                self.desynchronised("client", &error, out);
                return false;
            }
            if let Err(error) = write_payload(&message.payload, &mut self.server_sequence, &mut out.to_server)
            {
                self.desynchronised("client", &error, out);
            }
            return true;
        }
        self.command(message.payload, now, out);
        !self.ended
    }

    fn too_long(&mut self, bytes: usize, limit: usize, now: Micros, out: &mut Output) {
        let refusal = Refusal::new(
            Kind::Limit,
            format!("interdict: a message of {bytes} bytes is longer than the {limit} that can be judged"),
            Some("send less at once; an operator can raise limits.message of the service".to_owned()),
        );
        let mut judgement = self.session.judge_bare("unknown", Effects::default(), "");
        judgement.refuse(
            "interdict:limit",
            "the message is too long to be judged".to_owned(),
            String::new(),
        );
        judgement.refusal = Some(refusal.clone());
        self.session
            .record_bare("unknown", "", Effects::default(), &judgement, now, out);
        self.client_sequence = Sequence::at(1);
        self.cut(&refusal, EndReason::Limit, out);
    }

    fn command(&mut self, message: Bytes, now: Micros, out: &mut Output) {
        let command = match Wire::parse(&message, self.capabilities) {
            Ok(command) => command,
            Err(error) => return self.desynchronised("client", &error, out),
        };
        if matches!(command, Wire::Quit) {
            self.write(&message, out);
            out.action = Some(Action::Close(EndReason::Client));
            return;
        }
        if !self.settled && Self::needs_settings(&command) {
            return self.ask_settings(message, out);
        }
        let answer = command.answer();
        match &command {
            Wire::Query(query) => self.query(&message, query.text, now, out),
            Wire::Prepare(text) => self.prepare(&message, message.slice_ref(text), now, out),
            Wire::Execute(execute) => self.execute(&message, execute, now, out),
            Wire::BulkExecute(execute) => self.bulk_execute(&message, execute, now, out),
            Wire::Fetch { statement, .. } => self.fetch(&message, *statement, now, out),
            Wire::SendLongData {
                statement,
                parameter,
                data,
            } => {
                self.statements.long_data(*statement, *parameter, data);
                self.write(&message, out);
            }
            Wire::Close(statement) => {
                self.statements.remove(*statement);
                self.write(&message, out);
            }
            Wire::Reset(statement) => {
                self.statements.reset(*statement);
                self.forward(&message, answer, What::Plain, out);
            }
            Wire::SetOption(option) => {
                self.forward(&message, answer, What::MultiStatements(*option == 0), out);
            }
            Wire::ResetConnection => self.forward(&message, answer, What::Reset, out),
            Wire::Ping | Wire::Statistics => self.forward(&message, answer, What::Plain, out),
            Wire::ChangeUser(change) => {
                let user = String::from_utf8_lossy(change.user).into_owned();
                let database = String::from_utf8_lossy(change.database).into_owned();
                self.change_user(&message, &user, &database, now, out);
            }
            Wire::Debug => self.bare(&message, "debug", Effect::Maintenance, answer, now, out),
            Wire::BinlogDump(_) | Wire::BinlogDumpGtid(_) | Wire::RegisterSlave(_) | Wire::TableDump(_) => {
                self.replication(&message, command.name(), answer, now, out);
            }
            _ => match spelled(&command) {
                Some(text) => self.spelled(&message, &command, &text, now, out),
                None => self.replication(&message, command.name(), Answer::Stream, now, out),
            },
        }
    }

    /// Another user: the session begins anew, under the same identity.
    fn change_user(&mut self, message: &Bytes, user: &str, database: &str, now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::RoleChange);
        let text = format!("COM_CHANGE_USER {user}");
        let mut judgement = self.session.judge_bare("change_user", effects, &text);
        if self.injected && judgement.refusal.is_none() {
            let refusal = Refusal::new(
                Kind::Refused,
                "interdict: the user can't be changed in a session that is logged in for you",
                Some(
                    "COM_RESET_CONNECTION makes the session as new; who may use another user connects anew"
                        .to_owned(),
                ),
            );
            judgement.refuse("interdict:credentials", refusal.message.clone(), String::new());
            judgement.refusal = Some(refusal);
        }
        self.session
            .record_bare("change_user", &text, effects, &judgement, now, out);
        if let Some(refusal) = &judgement.refusal {
            return self.refuse(refusal, out);
        }
        self.session.log_in_as(user, database, out);
        self.write(message, out);
        self.exchange = Some(Exchange::ChangeUser);
    }

    /// A command that reads what replicas and the servers themselves read: refused unless a rule allows it, and then not followed.
    fn replication(&mut self, message: &Bytes, name: &str, answer: Answer, now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::Replication);
        let judgement = self.session.judge_bare("replication", effects, name);
        self.session
            .record_bare("replication", name, effects, &judgement, now, out);
        match &judgement.refusal {
            Some(refusal) => self.refuse(refusal, out),
            None if answer == Answer::Stream => {
                self.write(message, out);
                self.phase = Phase::Stream;
            }
            None => self.forward(message, answer, What::Plain, out),
        }
    }

    fn bare(
        &mut self,
        message: &Bytes,
        kind: &'static str,
        effect: Effect,
        answer: Answer,
        now: Micros,
        out: &mut Output,
    ) {
        let mut effects = Effects::default();
        effects.insert(effect);
        let judgement = self.session.judge_bare(kind, effects, kind);
        self.session
            .record_bare(kind, kind, effects, &judgement, now, out);
        match &judgement.refusal {
            Some(refusal) => self.refuse(refusal, out),
            None => self.forward(message, answer, What::Plain, out),
        }
    }

    /// Answers with an error.
    pub(super) fn refuse(&mut self, refusal: &Refusal, out: &mut Output) {
        form::error(refusal, &mut self.client_sequence, &mut out.to_client);
        self.client_sequence = Sequence::START;
    }

    /// Sends a message that begins an exchange, or needs no answer.
    fn write(&mut self, message: &[u8], out: &mut Output) {
        self.server_sequence = Sequence::START;
        if let Err(error) = write_payload(message, &mut self.server_sequence, &mut out.to_server) {
            self.desynchronised("client", &error, out);
        }
    }

    /// Sends a command whose answer is followed.
    fn forward(&mut self, message: &[u8], answer: Answer, what: What, out: &mut Output) {
        self.forward_runs(message, answer, what, Vec::new(), true, out);
    }

    fn forward_runs(
        &mut self,
        message: &[u8],
        answer: Answer,
        what: What,
        runs: Vec<Run>,
        one_statement: bool,
        out: &mut Output,
    ) {
        self.write(message, out);
        self.exchange = Some(Exchange::Command(Box::new(Command {
            responses: Responses::new(self.capabilities, answer),
            text: answer == Answer::Text,
            what,
            runs: runs.into(),
            one_statement,
        })));
    }

    /// The first refusal among judgements decides for all.
    fn refused(judgements: &[Judgement]) -> Option<&Judgement> {
        judgements.iter().find(|judgement| judgement.refusal.is_some())
    }
}
