//! The function-call message, which has no text: refused unless a rule allows it, or it is libpq's own use of large objects.

use interdict_record::Micros;
use interdict_sql::{Analysis, Effect, Effects};

use crate::output::Output;
use crate::postgres::Engine;
use crate::postgres::form;
use crate::postgres::pending::Pending;
use crate::session::Asked;

impl Engine {
    pub(super) fn function_call(&mut self, message: &[u8], function: u32, now: Micros, out: &mut Output) {
        let mut effects = Effects::default();
        effects.insert(Effect::Call);
        let large_object = LARGE_OBJECT_FUNCTIONS.contains(&function);
        if large_object {
            effects.insert(Effect::LargeObject);
        }
        let text = format!("function call {function}");
        let mut judgement = self.session.judge_bare("function_call", effects, &text);
        if judgement.refusal.is_none() && judgement.decision.rule.is_none() && !large_object {
            judgement.refuse(
                "interdict:default",
                format!("the function-call message (function {function}) is refused unless a rule allows it"),
                "call the function with SELECT".to_owned(),
            );
        }
        if let Some(refusal) = judgement.refusal.clone() {
            self.session
                .record_bare("function_call", &text, effects, &judgement, now, out);
            self.answer(form::error(&refusal), true, out);
            return;
        }
        let asked = Asked {
            kind: "function_call",
            text: &text,
            effects,
            complete: true,
            ..Asked::default()
        };
        let run = Box::new(self.begin(&asked, judgement, None, &Analysis::default(), now, out));
        out.to_server.extend_from_slice(message);
        self.pending.push_back(Pending::Call { run });
    }
}

/// Functions that libpq's large-object interface calls by the FunctionCall message (pg_proc.dat).
const LARGE_OBJECT_FUNCTIONS: [u32; 13] = [
    715, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172,
];
