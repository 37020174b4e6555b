//! `kafka` of a stream.

use interdict_fleet::stream::KafkaMechanism;

use super::super::super::node::Node;
use super::super::super::problems::Problems;
use super::super::super::{Kafka, KafkaLogin};
use super::super::{one_word, secret};
use super::ca;

/// What Kafka allows in a topic's name.
const LONGEST_TOPIC: usize = 249;

pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Kafka> {
    let fields = problems.fields(node, "`kafka`", &["brokers", "topic", "tls", "ca", "login"])?;
    let brokers = fields.require("brokers", "a list of brokers: `[HOST:PORT, …]`", problems);
    let brokers = brokers.and_then(|node| brokers_of(node, problems));
    let topic = fields.require("topic", "the topic that events go to", problems);
    let topic = topic.and_then(|node| topic_of(node, problems));
    let tls = fields
        .get("tls")
        .and_then(|node| one_word(node, &[("verify-full", true), ("disable", false)], problems))
        .unwrap_or(true);
    if let (false, Some(at)) = (tls, fields.key("ca")) {
        problems.add(at, "`ca` has no use with `tls: disable`");
    }
    let login = fields.get("login").map(|node| (node, login(node, problems)));
    if let Some((node, Some(login))) = &login
        && login.mechanism == KafkaMechanism::Plain
        && !tls
    {
        problems.add(
            node.at,
            "`mechanism: plain` with `tls: disable` shows the password to everybody on the way: expected `scram-sha-512`, or TLS",
        );
    }
    let ca = ca(fields, problems);
    Some(Kafka {
        brokers: brokers?,
        topic: topic?,
        tls,
        ca,
        login: match login {
            None => None,
            Some((_, login)) => Some(login?),
        },
    })
}

fn brokers_of(node: &Node, problems: &mut Problems) -> Option<Vec<String>> {
    let expected = "a broker: HOST:PORT";
    let listed = problems.list(node, "a list of brokers").to_vec();
    let mut brokers = Vec::new();
    for node in &listed {
        let text = problems.text(node, expected)?;
        let usable = text.rsplit_once(':').is_some_and(|(host, port)| {
            let plain = !host.is_empty() && !host.contains([',', '/', ' ']);
            plain && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !usable {
            let text = text.escape_debug();
            problems.add(node.at, format!("expected {expected}, found `{text}`"));
            return None;
        }
        brokers.push(text.to_owned());
    }
    if brokers.is_empty() {
        problems.add(node.at, "expected at least one broker");
        return None;
    }
    Some(brokers)
}

fn topic_of(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = problems.text(node, "a topic's name")?;
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_' | b'-');
    let usable = (1..=LONGEST_TOPIC).contains(&text.len()) && text.bytes().all(allowed);
    if !usable || matches!(text, "." | "..") {
        problems.add(
            node.at,
            "expected a topic's name: letters, digits, `.`, `_` and `-`, at most 249 of them",
        );
        return None;
    }
    Some(text.to_owned())
}

fn login(node: &Node, problems: &mut Problems) -> Option<KafkaLogin> {
    let fields = problems.fields(node, "`login`", &["mechanism", "user", "password"])?;
    let mechanism = match fields.get("mechanism") {
        None => Some(KafkaMechanism::ScramSha512),
        Some(node) => {
            let mechanisms = [
                ("scram-sha-512", KafkaMechanism::ScramSha512),
                ("scram-sha-256", KafkaMechanism::ScramSha256),
                ("plain", KafkaMechanism::Plain),
            ];
            one_word(node, &mechanisms, problems)
        }
    };
    let user = fields.require("user", "who the daemon is there", problems);
    let user = user.and_then(|node| {
        let user = problems.text(node, "a user's name")?;
        if user.is_empty() {
            problems.add(node.at, "expected a user's name, found nothing");
            return None;
        }
        Some(user.to_owned())
    });
    let password = fields.require("password", "where the password comes from", problems);
    let password = password.and_then(|node| secret::source(node, "the password", problems));
    Some(KafkaLogin {
        mechanism: mechanism?,
        user: user?,
        password: password?,
    })
}
