//! COM_QUERY: a text of one or several statements; and commands that are judged as the statement they stand for.

use bytes::Bytes;
use interdict_record::Micros;
use interdict_wire::mysql::command::Command as Wire;
use interdict_wire::mysql::response::Answer;

use crate::mysql::{Engine, What};
use crate::output::Output;
use crate::session::Asked;

impl Engine {
    pub(super) fn query(&mut self, message: &Bytes, text: &[u8], now: Micros, out: &mut Output) {
        self.session.refresh_policy(now);
        let analysis = self.session.shared.analyzer.mysql(text, &self.reading(false));
        let Ok(map) = self.sight(&analysis, message, now, out) else {
            return;
        };
        let shown = String::from_utf8_lossy(text);
        let mut judgements = self.judge(&analysis, &shown, &[], map.as_deref(), false);
        if self.must_look_again(&judgements, &analysis, message, now, out) {
            return;
        }
        self.session
            .guard_values(&mut judgements, &analysis, &shown, &[], now, out);
        if self
            .session
            .must_wait(&mut judgements, &analysis, &shown, &[], &[text], now, out)
        {
            self.waiting = Some(message.clone());
            return;
        }
        self.session.end_hold();
        if let Some(refused) = Self::refused(&judgements) {
            return self.refuse_all(&analysis, &shown, &[], refused, now, out);
        }
        let one = analysis.statements.len() <= 1;
        let mut runs = Vec::new();
        for (index, judgement) in judgements.into_iter().enumerate() {
            let asked = Asked::new(&analysis, index, &shown, &[]);
            let statement = analysis.statements.get(index);
            runs.push(self.begin(&asked, judgement, &analysis, statement, now, out));
        }
        self.session.note_spoken(&analysis, &shown);
        self.forward_runs(message, Answer::Text, What::Plain, runs, one, out);
    }

    /// A command that says what a statement could say too.
    pub(super) fn spelled(
        &mut self,
        message: &Bytes,
        command: &Wire<'_>,
        text: &str,
        now: Micros,
        out: &mut Output,
    ) {
        self.session.refresh_policy(now);
        let mut settings = self.reading(false);
        // It is spelled with backquotes and without backslashes, whatever the session's mode is.
        settings.multi_statements = false;
        let analysis = self.session.shared.analyzer.mysql(text.as_bytes(), &settings);
        let Ok(map) = self.sight(&analysis, message, now, out) else {
            return;
        };
        let mut judgements = self.judge(&analysis, text, &[], map.as_deref(), false);
        if self.session.must_wait(
            &mut judgements,
            &analysis,
            text,
            &[],
            &[text.as_bytes()],
            now,
            out,
        ) {
            self.waiting = Some(message.clone());
            return;
        }
        self.session.end_hold();
        if let Some(refused) = Self::refused(&judgements) {
            return self.refuse_all(&analysis, text, &[], refused, now, out);
        }
        let mut runs = Vec::new();
        for (index, judgement) in judgements.into_iter().enumerate() {
            let asked = Asked::new(&analysis, index, text, &[]);
            let statement = analysis.statements.get(index);
            runs.push(self.begin(&asked, judgement, &analysis, statement, now, out));
        }
        self.forward_runs(message, command.answer(), What::Plain, runs, true, out);
    }
}
