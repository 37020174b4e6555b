//! What comes of the engine's own questions.

use interdict_record::Micros;
use interdict_sql::mysql::{Charset, SqlMode};
use interdict_wire::mysql::{Message, Sequence};

use crate::catalogue::mysql::text;
use crate::mysql::aside::{Failure, Outcome};
use crate::mysql::{Engine, Exchange};
use crate::output::{EndReason, Output};
use crate::refusal::{Kind, Refusal};

impl Engine {
    pub(super) fn aside(&mut self, message: &Message, now: Micros, out: &mut Output) {
        let Some(Exchange::Aside(aside)) = &mut self.exchange else {
            return;
        };
        match aside.take(&message.payload) {
            Ok(false) => return,
            Ok(true) => {
                let sequence = &mut self.server_sequence;
                match aside.ask_next(self.capabilities, sequence, &mut out.to_server) {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(error) => return self.desynchronised("proxy", &error, out),
                }
            }
            Err(error) => return self.desynchronised("server", &error, out),
        }
        let Some(Exchange::Aside(aside)) = self.exchange.take() else {
            return;
        };
        self.server_sequence = Sequence::START;
        match aside.finish() {
            Ok(Outcome::Settings(values)) => self.take_settings(&values),
            Ok(Outcome::Catalogue { reader, version }) => {
                let catalogue = reader.finish(&self.session.shared.analyzer);
                self.session.take_catalogue(catalogue, version, false, now);
            }
            Ok(Outcome::Mark(mark)) => self.session.take_mark(&mark, false, now),
            Err(Failure::Server(code)) => {
                let refusal = Refusal::new(
                    Kind::Refused,
                    format!(
                        "interdict: the session's settings or the database's catalogue could not be read (error {code}), so columns can't be told apart"
                    ),
                    Some(
                        "look at max_execution_time, max_join_size and the rights of the database user"
                            .to_owned(),
                    ),
                );
                self.cut(&refusal, EndReason::Refused, out);
            }
            Err(failure) => self.desynchronised("server", &failure, out),
        }
    }

    fn take_settings(&mut self, values: &[Option<String>]) {
        let value = |index: usize| values.get(index).and_then(Option::as_deref);
        self.settings.mode = SqlMode::parse(value(0).unwrap_or_default());
        self.settings.charset = Charset::named(value(1).unwrap_or_default());
        self.settings.lower_case_tables = value(2) != Some("0");
        let database = value(3).and_then(|hex| text(hex).ok());
        let database = database.unwrap_or_default();
        if database != self.session.database {
            self.session.use_database(&database);
        }
        self.settled = true;
    }
}
