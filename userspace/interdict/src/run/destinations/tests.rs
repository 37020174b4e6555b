use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record as Answer, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinEncodable as _};
use tokio::net::UdpSocket;

use super::*;

/// What the server answers to any question for an A record: addresses with a time to live of a second, or a failure.
type Zone = Arc<Mutex<Option<Vec<Ipv4Addr>>>>;

/// A name server on loopback.
async fn serve(zone: Zone) -> Resolver {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let asked = Message::from_bytes(&buffer[..length]).unwrap();
            let mut answer = Message::response(asked.metadata.id, OpCode::Query);
            answer.metadata.recursion_available = true;
            for query in &asked.queries {
                answer.add_query(query.clone());
            }
            let query = asked.queries.first().unwrap();
            match zone.lock().unwrap().as_ref() {
                None => answer.metadata.response_code = ResponseCode::ServFail,
                Some(list) if query.query_type() == RecordType::A => {
                    for address in list {
                        let data = RData::A(A(*address));
                        answer.add_answer(Answer::from_rdata(query.name().clone(), 1, data));
                    }
                }
                Some(_) => {}
            }
            socket.send_to(&answer.to_bytes().unwrap(), peer).await.unwrap();
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = at.port();
    let server = NameServerConfig::new(at.ip(), true, vec![connection]);
    Resolver::Servers(ResolverConfig::from_name_servers(vec![server]))
}

fn service(name: &str, fixed: &[(&str, u8, u16)], names: &[(&str, u16)]) -> Service {
    Service {
        name: name.to_owned(),
        number: stable_id(name),
        fail_open: false,
        fixed: fixed
            .iter()
            .map(|(address, prefix, port)| (address.parse().unwrap(), *prefix, *port))
            .collect(),
        names: names
            .iter()
            .map(|(name, port)| (Name::new(name, Instant::now()), *port))
            .collect(),
    }
}

fn of(services: Vec<Service>, own: &[&str], resolver: Resolver) -> Destinations {
    Destinations {
        services,
        resolver,
        own: own.iter().map(|address| address.parse().unwrap()).collect(),
        protected: Vec::new(),
    }
}

fn list(list: &[interdict_kernel::Destination]) -> Vec<String> {
    list.iter()
        .map(|one| shown(one.address, one.prefix, one.port))
        .collect()
}

#[test]
fn contained() {
    let within = |network: &str, prefix, address: &str| {
        contains(network.parse().unwrap(), prefix, address.parse().unwrap())
    };
    assert!(within("10.0.0.0", 8, "10.255.0.1"));
    assert!(!within("10.0.0.0", 8, "11.0.0.1"));
    assert!(within("0.0.0.0", 0, "1.2.3.4"));
    assert!(within("10.0.0.1", 32, "10.0.0.1"));
    assert!(!within("10.0.0.1", 32, "10.0.0.0"));
    assert!(within("fd00::", 8, "fd12::1"));
    assert!(within("::", 0, "fd12::1"));
    assert!(!within("::", 0, "10.0.0.1"));
}

#[tokio::test]
async fn a_service_on_this_host_is_protected_by_all_its_addresses() {
    let own = ["127.0.0.1", "::1", "10.9.8.7", "fd00::7"];
    let all = [
        "127.0.0.0/8:5432",
        "[::1]:5432",
        "10.9.8.7:5432",
        "[fd00::7]:5432",
    ];
    for fixed in [
        ("10.9.8.7", 32, 5432),
        ("127.0.0.1", 32, 5432),
        ("::1", 128, 5432),
        ("10.0.0.0", 8, 5432),
        ("127.9.0.0", 16, 5432),
    ] {
        let wanted = of(vec![service("a", &[fixed], &[])], &own, Resolver::System).wanted();
        for one in all {
            assert!(list(&wanted).iter().any(|shown| shown == one), "{fixed:?}: {one}");
        }
    }
    let far = of(
        vec![service("a", &[("10.9.8.6", 32, 5432)], &[])],
        &own,
        Resolver::System,
    );
    assert_eq!(list(&far.wanted()), ["10.9.8.6:5432"]);
}

#[tokio::test]
async fn what_the_settings_say_counts_before_what_follows_from_it() {
    let services = vec![
        service("a", &[("10.9.8.7", 32, 5432)], &[]),
        service("b", &[("127.0.0.0", 8, 5432)], &[]),
    ];
    let wanted = of(services, &["10.9.8.7"], Resolver::System).wanted();
    let loopback = wanted.iter().find(|one| one.prefix == 8).unwrap();
    assert_eq!(loopback.service, stable_id("b"));
    assert_eq!(wanted.iter().filter(|one| one.prefix == 8).count(), 1);
}

/// A name that moves, through a real server and the real loop. Takes as long as names are left alone for.
#[tokio::test]
async fn a_name_is_followed() {
    let zone: Zone = Arc::new(Mutex::new(None));
    let resolver = serve(Arc::clone(&zone)).await;
    let mut destinations = of(vec![service("clinic", &[], &[("db.test.", 5432)])], &[], resolver);
    let records = destinations.ask().await;
    let Some(Record::Event(event)) = records.first() else {
        panic!("{records:?}")
    };
    assert_eq!((event.kind.as_str(), records.len()), ("name_unresolved", 1));
    assert_eq!(event.detail["name"], "db.test.");
    assert!(destinations.wanted().is_empty());

    *zone.lock().unwrap() = Some(vec![Ipv4Addr::new(198, 51, 100, 1)]);
    let protected = Arc::new(Mutex::new(Vec::new()));
    let (sender, mut records) = tokio::sync::mpsc::unbounded_channel();
    let seen = Arc::clone(&protected);
    tokio::spawn(async move {
        let protect = |list: &[interdict_kernel::Destination]| {
            *seen.lock().unwrap() = list.to_vec();
            Ok(())
        };
        let tell = |records: Vec<Record>| {
            sender.send(records).unwrap();
            std::future::ready(())
        };
        destinations.follow(protect, tell).await;
    });
    let mut changed = async || {
        let told = tokio::time::timeout(Duration::from_secs(20), records.recv()).await;
        let Some(Record::Event(event)) = told.unwrap().unwrap().pop() else {
            panic!("no event")
        };
        assert_eq!(event.kind, "destination_changed");
        (event.detail["added"].clone(), event.detail["removed"].clone())
    };
    assert_eq!(changed().await, ("198.51.100.1:5432".to_owned(), String::new()));
    *zone.lock().unwrap() = Some(vec![Ipv4Addr::new(198, 51, 100, 2)]);
    assert_eq!(changed().await, ("198.51.100.2:5432".to_owned(), String::new()));
    let both: Vec<SocketAddr> = ["198.51.100.1:5432", "198.51.100.2:5432"]
        .map(|one| one.parse().unwrap())
        .into();
    let now = protected.lock().unwrap().clone();
    let now: Vec<_> = now
        .iter()
        .map(|one| SocketAddr::new(one.address, one.port))
        .collect();
    assert_eq!(now, both, "the old address stays for its time");
}
