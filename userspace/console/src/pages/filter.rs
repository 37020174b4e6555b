//! What lists are narrowed by, from the address and back to it.

use interdict_audit::{Found, Query};
use maud::{Markup, html};

use crate::shown::{decoded, encoded};

/// The address's parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pairs: Vec<(String, String)>,
}

/// A field of the form: its name in the address, its label, what it may look like.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) example: &'static str,
    /// Words to choose from; none: free text.
    pub(super) words: &'static [&'static str],
}

impl Field {
    pub(super) const IDENTITY: Self = Self::text("identity", "Identity", "unit:billing.service");
    pub(super) const SERVICE: Self = Self::text("service", "Service", "clinic");
    pub(super) const FROM: Self = Self::text("from", "From (UTC)", "2h or 2026-03-01");
    pub(super) const UNTIL: Self = Self::text("until", "Until (UTC)", "2026-03-02 12:00");

    pub(super) const fn text(name: &'static str, label: &'static str, example: &'static str) -> Self {
        Self {
            name,
            label,
            example,
            words: &[],
        }
    }
}

impl Filter {
    pub(super) fn of(uri: &http::Uri) -> Self {
        let pairs = uri.query().and_then(|query| decoded(query.as_bytes()));
        Self {
            pairs: pairs.unwrap_or_default(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(field, _)| field == name);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    /// The same with one parameter set anew.
    pub(super) fn with(&self, path: &str, name: &str, value: &str) -> String {
        let kept = self
            .pairs
            .iter()
            .filter(|(field, value)| field != name && !value.trim().is_empty());
        let mut out = format!("{path}?");
        for (field, value) in kept.map(|(field, value)| (field.as_str(), value.as_str())) {
            out.extend([&encoded(field), "=", &encoded(value), "&"]);
        }
        out.extend([&encoded(name), "=", &encoded(value)]);
        out
    }

    /// Takes times and the place to go on into a query. An error names what does not read.
    pub(super) fn apply(&self, query: &mut Query, equal: &[(&str, &str)]) -> Result<(), String> {
        query.from = self.time("from")?;
        query.until = self.time("until")?;
        query.after = self.number("after");
        query.contains = self.get("q").map(str::to_owned);
        for (name, column) in equal {
            if let Some(value) = self.get(name) {
                query.equal.push(((*column).to_owned(), value.to_owned()));
            }
        }
        Ok(())
    }

    fn time(&self, name: &str) -> Result<Option<i64>, String> {
        self.get(name).map_or(Ok(None), |text| {
            moment(text).map(Some).ok_or_else(|| {
                format!("{name}: expected a time such as 2026-03-01, 2026-03-01 12:00 or 2h (so long ago); found {text}")
            })
        })
    }

    pub(super) fn form(&self, path: &str, fields: &[Field]) -> Markup {
        let any = fields.iter().any(|field| self.get(field.name).is_some());
        html! {
            form class="filter" method="get" action=(path) role="search" {
                @for field in fields {
                    label {
                        span { (field.label) }
                        @if field.words.is_empty() {
                            input type=(if field.name == "q" { "search" } else { "text" }) name=(field.name)
                                value=[self.get(field.name)] placeholder=(field.example) autocomplete="off" spellcheck="false";
                        } @else {
                            select name=(field.name) {
                                option value="" { "any" }
                                @for word in field.words {
                                    option value=(word) selected[self.get(field.name) == Some(*word)] { (word) }
                                }
                            }
                        }
                    }
                }
                button type="submit" class="primary" { "Filter" }
                @if any { a class="button" href=(path) { "Clear" } }
            }
        }
    }

    /// Links to other pages of the list.
    pub(super) fn pager(&self, path: &str, found: &Found, older: &str) -> Markup {
        html! {
            nav class="pager" aria-label="More of the list" {
                @if self.get("after").is_some() { a class="button" href=(self.with(path, "after", "")) { "From the beginning" } }
                @if let Some(next) = found.next {
                    a class="button" rel="next" href=(self.with(path, "after", &next.to_string())) { (older) }
                }
            }
        }
    }
}

/// UTC; a day, a day and a time, or how long ago.
pub(super) fn moment(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_microsecond());
    }
    if let Ok(ago) = text.parse::<jiff::Span>() {
        let ago = ago
            .total(jiff::SpanTotal::from(jiff::Unit::Second).days_are_24_hours())
            .ok()?
            .abs();
        let now = jiff::Timestamp::now().as_microsecond();
        return (ago < 4e9).then(|| now.saturating_sub((ago * 1e6) as i64));
    }
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    let at = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(at.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_moments_and_spans() {
        let day = moment("2026-03-01").unwrap();
        assert_eq!(day, 1_772_323_200_000_000);
        assert_eq!(moment("2026-03-01 12:00"), Some(day + 43_200_000_000));
        assert_eq!(moment("2026-03-01T12:00:00Z"), Some(day + 43_200_000_000));
        let ago = jiff::Timestamp::now().as_microsecond() - moment("2h").unwrap();
        assert!((7_199_000_000..7_201_000_000).contains(&ago), "{ago}");
        assert!(moment("1d").is_some() && moment("yesterday").is_none() && moment("").is_none());
    }

    #[test]
    fn an_address_is_made_of_what_was_asked_for() {
        let filter = Filter::of(&"/s?q=a%26b&identity=&after=7".parse().unwrap());
        assert_eq!(filter.get("q"), Some("a&b"));
        assert_eq!(filter.get("identity"), None);
        assert_eq!(filter.with("/s", "after", "9"), "/s?q=a%26b&after=9");
    }
}
