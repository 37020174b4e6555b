//! One-time addresses.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{digest, secret};
use crate::{Kind, Refusal, Visitor};

/// How long one holds.
const LIFETIME: Duration = Duration::from_mins(1);
/// Given out and not used.
const MOST: usize = 100;

/// Addresses that were given out.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<HashMap<[u8; 32], (Instant, Visitor)>>);

impl Tickets {
    pub(crate) fn issue(&self, visitor: Visitor) -> Result<String, Refusal> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|_, (born, _)| born.elapsed() < LIFETIME);
        if tickets.len() >= MOST {
            return Err(Refusal::new(
                Kind::TooMany,
                format!(
                    "{MOST} addresses were given out within a minute and not used: try again in a minute"
                ),
            ));
        }
        let ticket = secret()?;
        tickets.insert(digest(&ticket), (Instant::now(), visitor));
        Ok(ticket)
    }

    /// Who it is for, without using it up.
    pub(crate) fn look(&self, ticket: &str) -> Option<Visitor> {
        let tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (born, visitor) = tickets.get(&digest(ticket))?;
        (born.elapsed() < LIFETIME).then(|| visitor.clone())
    }

    /// Who it is for. It holds no more afterwards.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<Visitor> {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (born, visitor) = tickets.remove(&digest(ticket))?;
        (born.elapsed() < LIFETIME).then_some(visitor)
    }

    #[cfg(test)]
    pub(crate) fn age(&self, by: Duration) {
        for (born, _) in self.0.lock().unwrap().values_mut() {
            *born = born.checked_sub(by).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use interdict_approvals::Person;

    use super::*;
    use crate::Role;

    fn visitor() -> Visitor {
        Visitor {
            person: Person::default(),
            role: Role::Viewer,
        }
    }

    #[test]
    fn an_address_is_good_once_and_for_a_minute() {
        let tickets = Tickets::default();
        let one = tickets.issue(visitor()).unwrap();
        assert!(tickets.redeem("forged").is_none());
        assert!(tickets.look(&one).is_some());
        assert!(tickets.redeem(&one).is_some());
        assert!(tickets.redeem(&one).is_none() && tickets.look(&one).is_none());
        let late = tickets.issue(visitor()).unwrap();
        tickets.age(LIFETIME);
        assert!(tickets.look(&late).is_none() && tickets.redeem(&late).is_none());
    }

    #[test]
    fn there_is_an_end_to_addresses_that_nobody_uses() {
        let tickets = Tickets::default();
        for _ in 0..MOST {
            tickets.issue(visitor()).unwrap();
        }
        assert_eq!(tickets.issue(visitor()).unwrap_err().kind, Kind::TooMany);
        tickets.age(LIFETIME);
        assert!(tickets.issue(visitor()).is_ok());
    }
}
