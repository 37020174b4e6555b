//! Replication connections.

use interdict_record::Micros;
use interdict_sql::{Effect, Effects};

use crate::output::Output;
use crate::postgres::Engine;
use crate::postgres::form;

impl Engine {
    /// A replication connection begins only if a rule allows it.
    pub(crate) fn open_replication(&mut self, now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::Replication);
        let judgement = self
            .session
            .judge_bare("replication", effects, "replication start-up");
        let refusal = judgement.refusal.clone();
        self.session.record_bare(
            "replication",
            "replication start-up",
            effects,
            &judgement,
            now,
            out,
        );
        if let Some(refusal) = refusal {
            self.cut(&refusal, crate::EndReason::Refused, out);
        } else {
            self.start(out);
        }
    }

    /// Asks whether a session may begin as another role, as `SET ROLE` would be asked.
    pub(crate) fn open_as_role(&mut self, now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::RoleChange);
        let text = format!("start-up with {}", self.startup.role.unwrap_or_default());
        let judgement = self.session.judge_bare("set", effects, &text);
        self.session
            .record_bare("set", &text, effects, &judgement, now, out);
        match &judgement.refusal {
            Some(refusal) => self.cut(refusal, crate::EndReason::Refused, out),
            None => self.start(out),
        }
    }

    /// On a replication connection that a rule allowed, statements are recorded and forwarded.
    pub(super) fn replication_query(&mut self, message: &[u8], text: &[u8], now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::Replication);
        let shown = String::from_utf8_lossy(text);
        let judgement = self.session.judge_bare("replication", effects, &shown);
        let refusal = judgement.refusal.clone();
        self.session
            .record_bare("replication", &shown, effects, &judgement, now, out);
        match refusal {
            Some(refusal) => self.answer(form::error(&refusal), true, out),
            None => out.to_server.extend_from_slice(message),
        }
    }
}
