//! `subjects`: what says whose data a row is.

use std::sync::Arc;

use interdict_masking::Subject;

use super::{Compiler, KeySource};
use crate::document::SubjectDocument;
use crate::pattern::Pattern;
use crate::place::At;
use crate::policy::SubjectRule;

impl Compiler<'_> {
    pub(super) fn subjects(&mut self, entry: &At<SubjectDocument>) -> Vec<SubjectRule> {
        let SubjectDocument { columns, key, name } = &**entry;
        if let Some(name) = name {
            self.name(name, "what tokens stand under (`as`)");
        }
        let known = match self.keys {
            KeySource::Keys(keys) => keys.get(key).is_some(),
            KeySource::Names(names) => names.contains(&**key),
            KeySource::Offline => true,
        };
        if !known {
            self.report(
                key.place(),
                format!(
                    "there is no key `{}`; expected one of the settings' `keys`",
                    &**key
                ),
            );
        }
        let key = match self.keys {
            KeySource::Keys(keys) => keys.get(key).cloned(),
            KeySource::Names(_) | KeySource::Offline => None,
        };
        let rule = |text: &String| {
            let pattern = Pattern::parse(text)?;
            let given = name.as_ref().map(|name| name.as_str());
            let Some(name) = given.or(pattern.plain_name()) else {
                return Err(format!(
                    "`{text}` names no one column that the tokens could stand under; expected `as` with it"
                ));
            };
            Ok(SubjectRule {
                subject: Arc::new(Subject::new(name, key.clone())),
                pattern,
            })
        };
        self.each(Some(columns), "columns", rule)
    }
}
