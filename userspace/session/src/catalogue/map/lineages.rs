//! Lineages that were traced through one map.

use std::sync::Arc;

use interdict_sql::lineage::Lineage;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use crate::reading::Reading;

/// Bytes of texts and lineages that are kept.
const BYTES: u64 = 8 << 20;

/// The lineage of each statement of a text.
pub(super) type Traced = Arc<[Arc<Lineage>]>;

/// The lineages of texts. Those that differ only in constants which are not part of it share one.
#[derive(Debug)]
pub(super) struct Lineages(Cache<Key, Traced, Weight>);

impl Default for Lineages {
    fn default() -> Self {
        Self(Cache::with_weighter(4096, BYTES, Weight))
    }
}

impl Lineages {
    /// Those of a text: known, or traced now. `template`: what the text has besides the constants that its analysis does not depend on.
    pub(super) fn of(
        &self,
        text: &[u8],
        template: Option<&[u8]>,
        reading: &Reading,
        trace: impl FnOnce() -> Vec<Lineage>,
    ) -> Traced {
        let own = Borrowed(text, Part::Text, *reading);
        let shared = template.map(|template| Borrowed(template, Part::Template, *reading));
        let known = shared.as_ref().and_then(|shared| self.0.get(shared));
        if let Some(known) = known.or_else(|| self.0.get(&own)) {
            return known;
        }
        let all: Traced = trace().into_iter().map(Arc::new).collect();
        let constants = all.iter().any(|lineage| lineage.has_constants);
        let Borrowed(bytes, part, reading) = shared.filter(|_| !constants).unwrap_or(own);
        self.0.insert(Key(bytes.into(), part, reading), Arc::clone(&all));
        all
    }
}

/// What of a text is looked up. A text may have the very bytes of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Text,
    Template,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(Box<[u8]>, Part, Reading);

#[derive(Hash)]
struct Borrowed<'a>(&'a [u8], Part, Reading);

impl Equivalent<Key> for Borrowed<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.0 == *key.0 && self.1 == key.1 && self.2 == key.2
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Traced> for Weight {
    fn weight(&self, key: &Key, all: &Traced) -> u64 {
        let all: usize = all.iter().map(|lineage| lineage.weight()).sum();
        (key.0.len() + all + 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(has_constants: bool) -> Lineage {
        Lineage {
            has_constants,
            ..Lineage::default()
        }
    }

    /// Which of these texts, each with its template, are traced, where each lineage is so.
    fn traced<'t>(texts: &[(&'t str, Option<&str>)], has_constants: bool) -> Vec<&'t str> {
        let lineages = Lineages::default();
        let mut traced = Vec::new();
        for (text, template) in texts {
            let template = template.map(str::as_bytes);
            let all = lineages.of(text.as_bytes(), template, &Reading::default(), || {
                traced.push(*text);
                vec![lineage(has_constants)]
            });
            assert_eq!(all.len(), 1);
        }
        traced
    }

    #[test]
    fn texts_of_a_template_share_what_has_no_constants() {
        let texts = [("a = 1", Some("a = \u{1}")), ("a = 2", Some("a = \u{1}"))];
        assert_eq!(traced(&texts, false), ["a = 1"]);
        assert_eq!(traced(&texts, true), ["a = 1", "a = 2"]);
        let again = [texts[0], texts[0]];
        assert_eq!(traced(&again, true), ["a = 1"], "the same text is known");
    }

    #[test]
    fn a_text_that_looks_like_a_template_is_a_text() {
        let texts = [("a = 1", Some("a = \u{1}")), ("a = \u{1}", None)];
        assert_eq!(traced(&texts, false), ["a = 1", "a = \u{1}"]);
    }
}
