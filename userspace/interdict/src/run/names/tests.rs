use super::*;

fn v4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn v6(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

fn told(list: &[IpAddr], seconds: u64) -> Told {
    Told::Addresses(list.to_vec(), Duration::from_secs(seconds))
}

fn fails() -> Told {
    Told::Nothing("Server Failure".to_owned())
}

fn has(name: &Name) -> Vec<IpAddr> {
    name.addresses().collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn an_address_that_vanished_stays_for_its_time() {
    let start = Instant::now();
    let mut name = Name::new("db", start);
    assert!(name.is_due(start));
    let change = name.take([told(&[v4(1), v4(2)], 120), told(&[v6(1)], 30)], start);
    assert_eq!(change.added, [v4(1), v4(2), v6(1)]);
    assert_eq!(name.next(), start + seconds(30), "the shorter time counts");

    let later = start + seconds(30);
    let change = name.take([told(&[v4(2), v4(3)], 10), told(&[], 10)], later);
    assert_eq!(change.added, [v4(3)]);
    assert_eq!(has(&name), [v4(1), v4(2), v4(3), v6(1)]);

    // A minute at least, else as long as the answer held that had it.
    assert_eq!(name.expire(later + seconds(59)), Change::default());
    assert_eq!(name.expire(later + seconds(60)).removed, [v6(1)]);
    assert_eq!(name.expire(later + seconds(119)), Change::default());
    assert_eq!(name.expire(later + seconds(120)).removed, [v4(1)]);
    assert_eq!(has(&name), [v4(2), v4(3)]);
}

#[tokio::test]
async fn one_that_comes_back_is_kept() {
    let start = Instant::now();
    let mut name = Name::new("db", start);
    name.take([told(&[v4(1)], 10), told(&[], 10)], start);
    name.take([told(&[v4(2)], 10), told(&[], 10)], start + seconds(10));
    name.take([told(&[v4(1)], 10), told(&[], 10)], start + seconds(20));
    assert_eq!(name.expire(start + seconds(75)), Change::default());
    assert_eq!(name.expire(start + seconds(80)).removed, [v4(2)]);
    assert_eq!(has(&name), [v4(1)]);
}

#[tokio::test]
async fn failures_change_nothing_and_are_tried_again() {
    let start = Instant::now();
    let mut name = Name::new("db", start);
    name.take([told(&[v4(1)], 3600), told(&[v6(1)], 3600)], start);
    assert_eq!(
        name.next(),
        start + seconds(300),
        "asked again after five minutes at the latest"
    );
    for answer in [
        [fails(), fails()],
        [told(&[], 5), told(&[], 5)],
        [fails(), told(&[], 5)],
    ] {
        assert_eq!(name.take(answer, start), Change::default());
        assert_eq!(has(&name), [v4(1), v6(1)]);
    }
    // One family fails: the other's answer counts.
    name.take([fails(), told(&[v6(2)], 1)], start);
    assert_eq!(has(&name), [v4(1), v6(1), v6(2)]);
    assert_eq!(
        name.next(),
        start + seconds(5),
        "not asked more often than every five seconds"
    );
    assert_eq!(name.expire(start + seconds(3600)).removed, [v6(1)]);
}

#[tokio::test]
async fn a_name_without_an_address_is_told_once() {
    let start = Instant::now();
    let mut name = Name::new("db", start);
    let change = name.take([fails(), told(&[], 5)], start);
    assert_eq!(
        change.unresolved.as_deref(),
        Some("Server Failure, it has no address")
    );
    let mut at = start;
    for expected in [5, 10, 20, 40, 60, 60] {
        assert_eq!(name.next() - at, seconds(expected));
        at = name.next();
        assert_eq!(name.take([fails(), fails()], at), Change::default());
    }
    assert_eq!(name.take([told(&[v4(1)], 9), fails()], at).added, [v4(1)]);
}
