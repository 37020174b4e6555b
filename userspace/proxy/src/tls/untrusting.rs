//! Clients that have refused a certificate, remembered for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use interdict_record::Micros;

/// How long a refusal is remembered, and how far apart its events are: an hour, in microseconds.
const REMEMBERED: Micros = 3_600_000_000;

/// Clients that are remembered at once; beyond, what is oldest is forgotten.
const MOST: usize = 4096;

/// Clients that did not accept what was shown to them.
#[derive(Debug, Default)]
pub struct Untrusting(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    clients: HashMap<Client, Micros>,
    told: HashMap<(&'static str, String, String), Micros>,
}

/// A program of a workload that wants a name of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) workload: String,
    pub(crate) executable: Option<String>,
    pub(crate) service: String,
    pub(crate) sni: Option<String>,
}

impl Client {
    /// For people.
    pub(crate) fn name(&self) -> String {
        match &self.executable {
            Some(executable) => format!("{executable} of {}", self.workload),
            None => format!("a client of {}", self.workload),
        }
    }
}

impl Untrusting {
    /// Remembers a refusal.
    pub(crate) fn refused(&self, client: Client, now: Micros) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        insert(&mut known.clients, client, now);
    }

    /// Whether something about a workload and a service is to be told: once an hour.
    pub(crate) fn is_to_be_told(
        &self,
        kind: &'static str,
        workload: &str,
        service: &str,
        now: Micros,
    ) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = (kind, workload.to_owned(), service.to_owned());
        let is_new = !is_fresh(known.told.get(&topic), now);
        if is_new {
            insert(&mut known.told, topic, now);
        }
        is_new
    }

    /// Whether the client has refused a certificate within the last hour.
    pub(crate) fn knows(&self, client: &Client, now: Micros) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        is_fresh(known.clients.get(client), now)
    }
}

fn is_fresh(at: Option<&Micros>, now: Micros) -> bool {
    at.is_some_and(|at| now.saturating_sub(*at) < REMEMBERED)
}

fn insert<K: Clone + Eq + std::hash::Hash>(map: &mut HashMap<K, Micros>, key: K, now: Micros) {
    if map.len() >= MOST && !map.contains_key(&key) {
        map.retain(|_, at| is_fresh(Some(at), now));
        let oldest = map.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest.filter(|_| map.len() >= MOST) {
            map.remove(&oldest);
        }
    }
    map.insert(key, now);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(executable: &str, sni: &str) -> Client {
        Client {
            workload: "agents".to_owned(),
            executable: Some(executable.to_owned()),
            service: "api".to_owned(),
            sni: Some(sni.to_owned()),
        }
    }

    #[test]
    fn a_refusal_is_remembered_for_an_hour_and_told_once() {
        let untrusting = Untrusting::default();
        let pinned = client("/usr/bin/pinned", "api.internal");
        assert!(!untrusting.knows(&pinned, 1));
        untrusting.refused(pinned.clone(), 1);
        assert!(untrusting.knows(&pinned, REMEMBERED));
        assert!(!untrusting.knows(&pinned, REMEMBERED + 1));
        assert!(!untrusting.knows(&client("/usr/bin/other", "api.internal"), 2));
        assert!(!untrusting.knows(&client("/usr/bin/pinned", "other.internal"), 2));

        let told = |kind, workload, now| untrusting.is_to_be_told(kind, workload, "api", now);
        assert!(told("tls_untrusted", "agents", 1));
        assert!(!told("tls_untrusted", "agents", REMEMBERED));
        assert!(told("tls_unknown_name", "agents", 2) && told("tls_untrusted", "others", 2));
        assert!(told("tls_untrusted", "agents", REMEMBERED + 1));
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let untrusting = Untrusting::default();
        for number in 0..=MOST {
            let now = Micros::try_from(number).unwrap();
            untrusting.refused(client(&number.to_string(), "a"), now);
        }
        assert_eq!(untrusting.0.lock().unwrap().clients.len(), MOST);
        assert!(!untrusting.knows(&client("0", "a"), 1));
        assert!(untrusting.knows(&client("1", "a"), 2));
    }
}
