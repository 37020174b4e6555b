//! Judging statements: what has to be known first, and what masks need so that they hold.

use std::sync::Arc;

use bytes::Bytes;
use interdict_record::Micros;
use interdict_sql::{Analysis, Control, Effect, Setting, Statement};
use interdict_wire::mysql::command::Command as Wire;

use crate::catalogue::MaskMap;
use crate::catalogue::mysql::Reader;
use crate::mysql::aside::Aside;
use crate::mysql::result::Run;
use crate::mysql::{Engine, Exchange};
use crate::output::{EndReason, Output};
use crate::reading::Reading;
use crate::session::{Asked, DEFAULT, Judgement, MASKING, Need, Standing, Tally};

/// The server is asked something first.
pub(super) struct Waits;

/// Settings that change what later texts mean.
const READING: [&str; 6] = [
    "sql_mode",
    "names",
    "character_set_client",
    "character set",
    "charset",
    "collation_connection",
];

/// Functions that look at what the last statement left behind.
const DIAGNOSTICS: [&str; 2] = ["found_rows", "row_count"];

impl Engine {
    /// Whether a command's meaning depends on the session's settings.
    pub(super) fn needs_settings(command: &Wire<'_>) -> bool {
        !matches!(
            command,
            Wire::Ping
                | Wire::Statistics
                | Wire::Close(_)
                | Wire::Reset(_)
                | Wire::SendLongData { .. }
                | Wire::ChangeUser(_)
                | Wire::ResetConnection
                | Wire::SetOption(_)
        )
    }

    pub(super) fn ask_settings(&mut self, message: Bytes, out: &mut Output) {
        match Aside::settings(self.capabilities, &mut self.server_sequence, &mut out.to_server) {
            Ok(aside) => {
                self.exchange = Some(Exchange::Aside(Box::new(aside)));
                self.waiting = Some(message);
            }
            Err(error) => self.desynchronised("proxy", &error, out),
        }
    }

    /// The mask map for a text; or the server is asked first, and the message waits.
    pub(super) fn sight(
        &mut self,
        analysis: &Analysis,
        message: &Bytes,
        now: Micros,
        out: &mut Output,
    ) -> Result<Option<Arc<MaskMap>>, Waits> {
        let standing = Standing {
            between: !self.in_transaction,
            failed: false,
        };
        let version = self.session.schema_version();
        let (need, map) = match self.session.sight(analysis, standing, now) {
            Ok(map) => return Ok(map),
            Err(need) => need,
        };
        if map.is_some() && analysis.statements.iter().any(looks_back) {
            return Ok(map);
        }
        if self.session.ask_login(need, standing, now, out) {
            self.waiting = Some(message.clone());
            return Err(Waits);
        }
        let sequence = &mut self.server_sequence;
        let reader = Reader::new(self.settings, &self.session.database);
        let aside = Aside::catalogue(
            (need == Need::Catalogue).then_some(version),
            reader,
            self.capabilities,
            sequence,
            &mut out.to_server,
        );
        match aside {
            Ok(aside) => {
                self.session.record_own("/* interdict: catalogue */", now, out);
                self.session.asked(need, now);
                self.exchange = Some(Exchange::Aside(Box::new(aside)));
                self.waiting = Some(message.clone());
            }
            Err(error) => self.desynchronised("proxy", &error, out),
        }
        Err(Waits)
    }

    /// The daemon's own login has looked at the catalogue, or says why it could not. Then [`Self::on_client`] is to be called.
    pub fn on_catalogue(&mut self, came: Result<(), String>, now: Micros, out: &mut Output) {
        if self.ended {
            return;
        }
        if let Some(refusal) = self.session.catalogue_came(came, now) {
            let (before, framed) = (out.to_client.len(), self.is_framed());
            self.cut(&refusal, EndReason::Refused, out);
            self.frame(framed, before, out);
        }
    }

    /// Whether the message waits because its refusal may come of an old catalogue.
    pub(super) fn must_look_again(
        &mut self,
        judgements: &[Judgement],
        analysis: &Analysis,
        message: &Bytes,
        now: Micros,
        out: &mut Output,
    ) -> bool {
        self.session.must_look_again(judgements) && self.sight(analysis, message, now, out).is_err()
    }

    /// Judges every statement of a text.
    pub(super) fn judge(
        &self,
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        map: Option<&MaskMap>,
        prepared: bool,
    ) -> Vec<Judgement> {
        let reading = Reading::Mysql(self.reading(prepared));
        let lookup = |name: &str| self.session.spoken(name);
        let mut judgements = self.session.judge(
            analysis,
            text,
            parameters,
            map,
            |statement, map| self.session.reach_by_name(statement, map, lookup),
            |index, map| self.session.lineage(analysis, index, text, &reading, map, lookup),
        );
        let last = judgements.len().saturating_sub(1);
        let mut quotes = self.diagnostics_quote;
        for (index, (judgement, statement)) in judgements.iter_mut().zip(&analysis.statements).enumerate() {
            if judgement.refusal.is_none() {
                self.guard(judgement, statement, index == last, last > 0);
            }
            if !looks_back(statement) {
                quotes = judgement.sensitive;
            } else if quotes && judgement.refusal.is_none() {
                judgement.refuse(
                    MASKING,
                    "the messages of the statement before are withheld: it touched masked columns".to_owned(),
                    "the error's number and SQLSTATE say what went wrong".to_owned(),
                );
            }
        }
        judgements
    }

    /// What masks need in this protocol.
    fn guard(&self, judgement: &mut Judgement, statement: &Statement, last: bool, several: bool) {
        let session = &self.session;
        if !last && session.effective.needs_analysis() && changes_reading(statement) {
            judgement.refuse(
                DEFAULT,
                "the statement changes how those behind it in the same text are read".to_owned(),
                "send it alone".to_owned(),
            );
            return;
        }
        if several && session.changes_results() && gives_several(statement) {
            judgement.refuse(
                MASKING,
                "the results of this statement can't be told from those of its neighbours".to_owned(),
                "send it alone".to_owned(),
            );
            return;
        }
        if takes_file(statement) && judgement.decision.rule.is_none() {
            judgement.refuse(
                DEFAULT,
                "LOAD DATA LOCAL is not allowed: a file of the client's host is read only if a rule says so"
                    .to_owned(),
                "a policy may allow it: when: '\"copy_in\" in effects', then: allow".to_owned(),
            );
            return;
        }
        if let Some(why) = judgement.untraced.take() {
            judgement.refuse_untraced(&why);
            return;
        }
        if matches!(
            statement.control,
            Control::OpenHandler { .. } | Control::ReadHandler { .. }
        ) && judgement.sensitive
        {
            judgement.refuse(
                MASKING,
                "HANDLER reads a table whose columns are masked without saying which".to_owned(),
                "select the columns instead".to_owned(),
            );
            return;
        }
        let carrying = &judgement.carrying;
        let gap = carrying.lineage.as_ref().and_then(|lineage| lineage.gap.clone());
        if let Some(gap) = gap
            && carrying.carries
            && !carrying.mask_all
            && statement.returns_rows_of_relations
        {
            judgement.refuse_untraced(&gap);
            return;
        }
        if statement.kind == "show" && judgement.sensitive {
            let listed = statement
                .relations
                .iter()
                .find(|relation| session.dialect.is_system(relation));
            judgement.carrying.listing =
                listed.map(|relation| (relation.schema.clone().unwrap_or_default(), relation.name.clone()));
        }
    }

    /// How texts are read now.
    pub(super) fn reading(&self, prepared: bool) -> interdict_sql::mysql::MysqlSettings {
        interdict_sql::mysql::MysqlSettings {
            parameters: prepared,
            multi_statements: self.settings.multi_statements && !prepared,
            ..self.settings
        }
    }

    /// Records a statement and prepares to follow its result.
    pub(super) fn begin(
        &mut self,
        asked: &Asked<'_>,
        judgement: Judgement,
        analysis: &Analysis,
        statement: Option<&Statement>,
        now: Micros,
        out: &mut Output,
    ) -> Run {
        if statement.is_none_or(changes_reading) {
            self.settled = false;
        }
        if !statement.is_some_and(looks_back) {
            self.diagnostics_quote = judgement.sensitive;
        }
        let statement_id = self.session.record_statement(asked, &judgement, now, out);
        let held_result = self.session.held_result(&judgement, asked, now);
        Run {
            portion: None,
            held_result,
            statement_id,
            sensitive: judgement.sensitive,
            planned: self.session.watches_results() || judgement.carrying.mask_all,
            carrying: judgement.carrying,
            ddl: analysis.ddl,
            takes_file: statement.is_some_and(takes_file),
            plan: None,
            watch: judgement.watch,
            stopped: None,
            tally: Tally::default(),
            columns: Vec::new(),
            expected: 0,
            held: Vec::new(),
        }
    }

    /// Answers every statement of a text with the refusal of one.
    pub(super) fn refuse_all(
        &mut self,
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        refused: &Judgement,
        now: Micros,
        out: &mut Output,
    ) {
        for index in 0..analysis.statements.len().max(1) {
            let asked = Asked::new(analysis, index, text, parameters);
            self.session.record_refused(&asked, refused, now, out);
        }
        if let Some(refusal) = &refused.refusal {
            self.refuse(refusal, out);
        }
    }
}

fn settings(statement: &Statement) -> impl Iterator<Item = &Setting> {
    let own = match &statement.control {
        Control::Set(setting) => Some(setting),
        _ => None,
    };
    own.into_iter().chain(&statement.settings)
}

/// Whether texts after a statement may mean something else than before it.
pub(super) fn changes_reading(statement: &Statement) -> bool {
    settings(statement).any(|setting| READING.contains(&setting.name.to_ascii_lowercase().as_str()))
        || matches!(statement.control, Control::Use { .. })
        || gives_several(statement)
        || !statement.complete()
}

/// Whether a statement may give several results, and do what only the server knows.
fn gives_several(statement: &Statement) -> bool {
    matches!(statement.kind, "call" | "execute" | "unknown") || statement.effects.contains(Effect::Code)
}

/// Whether a statement makes the server ask the client for a file.
fn takes_file(statement: &Statement) -> bool {
    statement.effects.contains(Effect::CopyIn) && !statement.effects.contains(Effect::ServerFile)
}

/// Whether a statement shows what the one before it left behind.
fn looks_back(statement: &Statement) -> bool {
    statement.kind == "get"
        || (statement.kind == "show"
            && statement.relations.iter().any(|relation| {
                ["warnings", "errors"]
                    .iter()
                    .any(|name| relation.name.eq_ignore_ascii_case(name))
            }))
        || statement
            .functions
            .iter()
            .any(|function| DIAGNOSTICS.contains(&function.to_ascii_lowercase().as_str()))
}
