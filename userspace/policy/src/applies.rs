//! Whom and what a policy is about.

use globset::GlobMatcher;

use crate::pattern::glob;
use crate::request::Identity;

/// The compiled `applies` of a policy.
#[derive(Debug, Default)]
pub(crate) struct Applies {
    /// Empty: any service.
    pub(crate) services: Vec<NameGlob>,
    /// Empty: any identity.
    pub(crate) identities: Vec<IdentityGlob>,
}

/// A glob over names.
#[derive(Debug)]
pub struct NameGlob {
    text: String,
    matcher: GlobMatcher,
}

/// A glob over identities, as `applies.identities` and the settings have them.
#[derive(Debug)]
pub enum IdentityGlob {
    /// Over the name.
    Name(NameGlob),
    /// Over a fact.
    Fact {
        /// The fact's name.
        key: String,
        /// What it may be.
        value: NameGlob,
    },
}

impl Applies {
    pub(crate) fn to(&self, service: &str, identity: &Identity) -> bool {
        self.to_service(service) && self.to_identity(identity)
    }

    pub(crate) fn to_service(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|glob| glob.matches(service))
    }

    pub(crate) fn to_identity(&self, identity: &Identity) -> bool {
        self.identities.is_empty() || self.identities.iter().any(|glob| glob.matches(identity))
    }

    /// As the policy has it, for an explanation.
    pub(crate) fn services_text(&self) -> String {
        self.services
            .iter()
            .map(|glob| glob.text.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// As the policy has it, for an explanation.
    pub(crate) fn identities_text(&self) -> String {
        self.identities
            .iter()
            .map(IdentityGlob::text)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// A service that the policy applies to, for tests that name none.
    pub(crate) fn example_service(&self) -> String {
        self.services
            .first()
            .map_or_else(|| "test".to_owned(), NameGlob::example)
    }

    /// An identity that the policy applies to, for tests that name none.
    pub(crate) fn example_identity(&self) -> Identity {
        let mut identity = Identity {
            name: "test".to_owned(),
            ..Identity::default()
        };
        match self.identities.first() {
            Some(IdentityGlob::Name(glob)) => identity.name = glob.example(),
            Some(IdentityGlob::Fact { key, value }) => {
                identity.facts.insert(key.clone(), value.example());
            }
            None => {}
        }
        identity
    }
}

impl NameGlob {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("expected a name or a glob, such as `clinic*`".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
            matcher: glob(text, false)?,
        })
    }

    fn matches(&self, name: &str) -> bool {
        self.matcher.is_match(name)
    }

    /// A name that it matches, if it is not too clever a glob.
    fn example(&self) -> String {
        let plain = self.text.replace('*', "").replace('?', "x");
        if plain.is_empty() {
            "test".to_owned()
        } else {
            plain
        }
    }
}

impl IdentityGlob {
    /// `key=value` is about a fact, anything else about the name.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((key, value)) = text.split_once('=') else {
            return NameGlob::parse(text).map(Self::Name);
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if key.is_empty() || !key.chars().all(plain) {
            return Err(format!(
                "`{text}` names no fact; expected key=value, such as `workload=agents`"
            ));
        }
        Ok(Self::Fact {
            key: key.to_owned(),
            value: NameGlob::parse(value)?,
        })
    }

    /// Whether it is about this identity.
    pub fn matches(&self, identity: &Identity) -> bool {
        match self {
            Self::Name(glob) => glob.matches(&identity.name),
            Self::Fact { key, value } if key == "name" => value.matches(&identity.name),
            Self::Fact { key, value } => identity.facts.get(key).is_some_and(|fact| value.matches(fact)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Name(glob) => glob.text.clone(),
            Self::Fact { key, value } => format!("{key}={}", value.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str, facts: &[(&str, &str)]) -> Identity {
        let facts = facts
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Identity {
            name: name.to_owned(),
            facts,
        }
    }

    #[test]
    fn identities_match_by_name_or_by_fact() {
        let agent = identity(
            "agents/etl",
            &[("workload", "agents"), ("executable", "/opt/agent/bin/etl")],
        );
        let table = [
            ("*", true),
            ("agents/*", true),
            ("Agents/*", false),
            ("workload=agents", true),
            ("workload=agent", false),
            ("workload=agent*", true),
            ("executable=/opt/*/etl", true),
            ("name=agents/*", true),
            ("pod=*", false),
        ];
        for (text, expected) in table {
            assert_eq!(
                IdentityGlob::parse(text).unwrap().matches(&agent),
                expected,
                "{text}"
            );
        }
        for text in ["", "=agents", "a b=c", "workload=", "[a"] {
            assert!(IdentityGlob::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_lists_must_match() {
        let applies = Applies {
            services: vec![NameGlob::parse("clinic*").unwrap()],
            identities: vec![IdentityGlob::parse("workload=agents").unwrap()],
        };
        let agent = identity("x", &[("workload", "agents")]);
        assert!(applies.to("clinic-eu", &agent));
        assert!(!applies.to("lab", &agent));
        assert!(!applies.to("clinic-eu", &identity("x", &[])));
        assert!(applies.to(&applies.example_service(), &applies.example_identity()));
    }
}
