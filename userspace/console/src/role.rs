//! What people may do here.

use interdict_approvals::Person;

/// What somebody may do, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads everything, decides nothing.
    Viewer,
    /// Also decides about what waits, where the policy names them.
    Approver,
    /// Also mints, revokes and reviews grants, and puts workloads in quarantine.
    Admin,
}

/// Who has which role: `user:NAME`, `group:NAME`, `oidc:SUBJECT`, `oidc-group:NAME`, `cert:NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Those who only read.
    pub viewer: Vec<String>,
    /// Those who decide.
    pub approver: Vec<String>,
    /// Those who mint grants and quarantine.
    pub admin: Vec<String>,
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Who.
    pub person: Person,
    /// As what.
    pub role: Role,
}

impl Visitor {
    /// An admin here may do what an operator of the admin socket may.
    pub(crate) fn new(mut person: Person, role: Role) -> Self {
        person.operator = role == Role::Admin;
        Self { person, role }
    }
}

impl Role {
    /// Its name in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }
}

impl Roles {
    /// The highest role that is somebody's. Who may do everything on the admin socket may do so here.
    pub fn of(&self, person: &Person) -> Option<Role> {
        if person.operator || person.is_named_by(&self.admin) {
            Some(Role::Admin)
        } else if person.is_named_by(&self.approver) {
            Some(Role::Approver)
        } else if person.is_named_by(&self.viewer) {
            Some(Role::Viewer)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_role_counts_and_nobody_has_one_by_default() {
        let roles = Roles {
            viewer: vec!["group:staff".to_owned()],
            approver: vec!["oidc:ada@example.org".to_owned()],
            admin: vec!["user:eve".to_owned()],
        };
        let person = |name: &str, groups: &[&str]| Person {
            name: name.to_owned(),
            uid: Some(7),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Person::default()
        };
        assert_eq!(roles.of(&person("bob", &[])), None);
        assert_eq!(roles.of(&person("bob", &["staff"])), Some(Role::Viewer));
        assert_eq!(roles.of(&person("eve", &["staff"])), Some(Role::Admin));
        let root = Person {
            operator: true,
            ..person("root", &[])
        };
        assert_eq!(roles.of(&root), Some(Role::Admin));
        assert_eq!(Roles::default().of(&person("eve", &["staff"])), None);
        assert!(Role::Viewer < Role::Approver && Role::Approver < Role::Admin);
    }
}
