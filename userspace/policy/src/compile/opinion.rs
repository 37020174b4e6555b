//! Second opinions.

use interdict_masking::Mask;

use super::{Compiler, duration};
use crate::opinion::{Opinion, OpinionDocument, url};
use crate::place::At;
use crate::policy::Policy;

impl Compiler<'_> {
    pub(super) fn opinion(&mut self, opinion: &At<OpinionDocument>, mask: &Mask, policy: &Policy) -> Opinion {
        let OpinionDocument {
            url: service,
            entities,
            threshold,
            language,
            timeout,
            on_failure,
        } = &**opinion;
        let address = url(service).unwrap_or_else(|message| {
            self.report(service.place(), message);
            String::new()
        });
        let entities = self.each(Some(entities), "entities", |name: &String| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if name.is_empty() || !name.chars().all(plain) {
                Err("expected a name of the service's, such as `PERSON`".to_owned())
            } else {
                Ok(name.clone())
            }
        });
        if let Some(threshold) = threshold
            && !(0.0..=1.0).contains(&**threshold)
        {
            self.report(threshold.place(), "expected a number from 0 to 1");
        }
        if let Some(language) = language
            && language.is_empty()
        {
            self.report(language.place(), "expected a language, such as `en`");
        }
        let timeout = match timeout {
            None => Opinion::TIMEOUT,
            Some(text) => match duration(text) {
                Ok(timeout) if timeout <= Opinion::LONGEST_TIMEOUT => timeout,
                Ok(_) => {
                    let message = format!("`{}` is too long; expected at most 30s", text.as_str());
                    self.report(text.place(), message);
                    Opinion::TIMEOUT
                }
                Err(message) => {
                    self.report(text.place(), message);
                    Opinion::TIMEOUT
                }
            },
        };
        Opinion {
            policy: policy.name.clone(),
            url: address,
            entities,
            threshold: threshold
                .as_ref()
                .map_or(Opinion::THRESHOLD, |threshold| **threshold),
            language: language
                .as_ref()
                .map_or_else(|| Opinion::LANGUAGE.to_owned(), |language| language.to_string()),
            timeout,
            on_failure: *on_failure,
            mask: mask.clone(),
        }
    }
}
