//! Who decides.

use serde::{Deserialize, Serialize};

/// Somebody who decides, mints or reviews.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The user's name; of a webhook's people, `NAME@WEBHOOK`.
    pub name: String,
    /// The user on this host; `None` for who spoke through a webhook.
    pub uid: Option<u32>,
    /// Who logged in, before any `sudo`, and that user's name.
    pub login_uid: Option<u32>,
    /// The name of `login_uid`.
    pub login: Option<String>,
    /// The user's groups on this host, by name.
    pub groups: Vec<String>,
    /// How they speak: `admin` for the socket, `console`, `webhook:NAME`.
    pub via: String,
    /// Whether the admin socket lets them do everything: root, and the daemon's own user.
    pub operator: bool,
    /// The workload that they run in, if any.
    pub workload: Option<String>,
    /// Who they are elsewhere: `oidc:ISSUER/SUBJECT`, `cert:NAME`; `None` for users of this host and people of webhooks.
    pub subject: Option<String>,
    /// Their address, where an issuer says that it verified it.
    pub email: Option<String>,
    /// Groups that an issuer names. They are not this host's.
    pub claimed_groups: Vec<String>,
}

impl Person {
    /// Through the admin socket.
    pub const ADMIN: &'static str = "admin";

    /// Whether one of the names is theirs: `user:NAME` and `group:NAME` of this host, `webhook:NAME`, `oidc:ISSUER/SUBJECT` or
    /// `oidc:ADDRESS`, `oidc-group:NAME`, `cert:NAME`.
    pub fn is_named_by(&self, names: &[String]) -> bool {
        // A name that an issuer gave is never taken for that of a user here.
        let here = self.subject.is_none();
        let issued = self
            .subject
            .as_ref()
            .is_some_and(|subject| subject.starts_with("oidc:"));
        names.iter().any(|entry| match entry.split_once(':') {
            Some(("user", name)) => here && self.name == name,
            Some(("group", name)) => here && self.groups.iter().any(|group| group == name),
            Some(("webhook", _)) => self.via == *entry,
            Some(("oidc", name)) => {
                issued && (self.subject.as_ref() == Some(entry) || self.email.as_deref() == Some(name))
            }
            Some(("oidc-group", name)) => issued && self.claimed_groups.iter().any(|group| group == name),
            Some(("cert", _)) => self.subject.as_ref() == Some(entry),
            _ => false,
        })
    }

    /// Whether a claim of who asks is about them: the subject, or the address. As far as that can be told, because two issuers may
    /// mean different people by one subject: then one of them does not decide, which is no harm.
    pub(crate) fn is_claimed_by(&self, claim: &str, value: &str) -> bool {
        let last = claim.rsplit('.').next().unwrap_or(claim);
        let same = |own: &str| !value.is_empty() && own.eq_ignore_ascii_case(value);
        match last {
            "sub" => self
                .subject
                .as_ref()
                .is_some_and(|subject| subject.rsplit('/').next().is_some_and(same)),
            "email" => self.email.as_deref().is_some_and(same),
            "preferred_username" => self.goes_by(value),
            _ => false,
        }
    }

    /// The user that is meant by the name: without `@WEBHOOK`.
    fn bare(name: &str) -> &str {
        name.split_once('@').map_or(name, |(bare, _)| bare)
    }

    /// Every uid that is theirs.
    pub(crate) fn uids(&self) -> impl Iterator<Item = u32> {
        self.uid.into_iter().chain(self.login_uid)
    }

    /// Every name that is theirs.
    fn names(&self) -> impl Iterator<Item = &str> {
        // `cert:ada` is ada, as far as self-approval goes.
        let subject = self
            .subject
            .as_deref()
            .and_then(|subject| subject.rsplit([':', '/']).next());
        [
            Some(self.name.as_str()),
            self.login.as_deref(),
            self.email.as_deref(),
            subject,
        ]
        .into_iter()
        .flatten()
        .map(Self::bare)
        .filter(|name| !name.is_empty())
    }

    /// Whether a name is theirs, however it is spelled.
    pub(crate) fn goes_by(&self, name: &str) -> bool {
        let name = Self::bare(name);
        self.names().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether two are one, as far as can be told: somebody who votes as themselves, with `sudo` and through a webhook is
    /// one. Two people who share a user are one, too.
    pub(crate) fn is_also(&self, other: &Self) -> bool {
        let user = |person: &Self| person.login_uid.or(person.uid);
        let same_user = match (user(self), user(other)) {
            (Some(own), Some(others)) => own == others,
            _ => false,
        };
        let name = |person: &Self| {
            let name = person.login.clone().unwrap_or_else(|| person.name.clone());
            Self::bare(&name).to_ascii_lowercase()
        };
        let shared = |own: Option<&String>, others: Option<&String>| own.is_some() && own == others;
        same_user
            || name(self) == name(other)
            || shared(self.subject.as_ref(), other.subject.as_ref())
            || shared(self.email.as_ref(), other.email.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, uid: u32, login: Option<(u32, &str)>) -> Person {
        Person {
            name: name.to_owned(),
            uid: Some(uid),
            login_uid: login.map(|(uid, _)| uid),
            login: login.map(|(_, name)| name.to_owned()),
            via: Person::ADMIN.to_owned(),
            ..Person::default()
        }
    }

    fn named(person: &Person, names: &[&str]) -> bool {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        person.is_named_by(&names)
    }

    #[test]
    fn approvers_are_users_groups_and_webhooks() {
        let mut ada = person("ada", 7, None);
        ada.groups = vec!["compliance".to_owned()];
        assert!(named(&ada, &["group:other", "user:ada"]));
        assert!(named(&ada, &["group:compliance"]));
        for other in [
            "ada",
            "user:adam",
            "user:Ada",
            "group:ada",
            "webhook:admin",
            "oidc:ada",
            "user:",
        ] {
            assert!(!named(&ada, &[other]), "{other}");
        }
        assert!(!named(&ada, &[]));
        let far = Person {
            name: "ada@chat".to_owned(),
            via: "webhook:chat".to_owned(),
            ..Person::default()
        };
        assert!(named(&far, &["webhook:chat"]) && named(&far, &["user:ada@chat"]));
        assert!(!named(&far, &["user:ada"]) && !named(&far, &["webhook:other"]));
    }

    fn issued(subject: &str, email: Option<&str>, groups: &[&str]) -> Person {
        Person {
            name: email.unwrap_or(subject).to_owned(),
            subject: Some(subject.to_owned()),
            email: email.map(str::to_owned),
            claimed_groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            via: "console".to_owned(),
            ..Person::default()
        }
    }

    #[test]
    fn people_of_an_issuer_are_named_by_subject_address_and_group() {
        let ada = issued("oidc:https://id.example/7", Some("ada@example.org"), &["dba"]);
        for entry in [
            "oidc:https://id.example/7",
            "oidc:ada@example.org",
            "oidc-group:dba",
        ] {
            assert!(named(&ada, &[entry]), "{entry}");
        }
        for entry in [
            "user:ada@example.org",
            "user:ada",
            "group:dba",
            "oidc:7",
            "oidc:https://id.example/8",
            "oidc:https://other.example/7",
            "oidc:ada@example.com",
            "oidc:",
            "oidc-group:",
            "cert:ada@example.org",
        ] {
            assert!(!named(&ada, &[entry]), "{entry}");
        }
        // Not verified: no address.
        assert!(!named(
            &issued("oidc:https://id.example/7", None, &[]),
            &["oidc:ada@example.org"]
        ));
        let cert = issued("cert:ada", Some("ada@example.org"), &["dba"]);
        assert!(named(&cert, &["cert:ada"]));
        assert!(!named(
            &cert,
            &["oidc:ada@example.org", "oidc-group:dba", "user:ada", "cert:eve"]
        ));
        // Nor is a user of this host an issuer's, whatever they are called.
        assert!(!named(&person("oidc:x", 7, None), &["oidc:x", "cert:x"]));
    }

    #[test]
    fn whoever_logs_in_elsewhere_is_still_the_same_person() {
        let here = person("ada", 7, None);
        let there = issued("oidc:https://id.example/7", Some("ada@example.org"), &[]);
        let again = issued("oidc:https://id.example/7", None, &[]);
        assert!(here.is_also(&there) && there.is_also(&here) && there.is_also(&again));
        assert!(!there.is_also(&issued("oidc:https://id.example/8", Some("bob@example.org"), &[])));
        assert!(there.goes_by("ada") && issued("cert:ada", None, &[]).goes_by("Ada"));
        assert!(there.is_claimed_by("oidc.sub", "7") && there.is_claimed_by("oidc.email", "Ada@example.org"));
        assert!(!there.is_claimed_by("oidc.sub", "8") && !there.is_claimed_by("oidc.sub", ""));
        assert!(!there.is_claimed_by("oidc.groups", "7"));
    }

    #[test]
    fn one_person_counts_once_by_whatever_way() {
        let ada = person("ada", 7, Some((7, "ada")));
        let sudo = person("root", 0, Some((7, "ada")));
        let far = Person {
            name: "Ada@chat".to_owned(),
            via: "webhook:chat".to_owned(),
            ..Person::default()
        };
        let bob = person("bob", 8, None);
        let other_sudo = person("root", 0, Some((8, "bob")));
        assert!(ada.is_also(&sudo) && sudo.is_also(&far) && far.is_also(&ada));
        assert!(bob.is_also(&other_sudo));
        assert!(!ada.is_also(&bob) && !sudo.is_also(&other_sudo) && !far.is_also(&bob));
        assert!(person("root", 0, None).is_also(&person("toor", 0, None)));
    }
}
