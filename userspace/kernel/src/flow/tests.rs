use super::*;

fn raw() -> interdict_abi::Flow {
    interdict_abi::Flow {
        netns_cookie: 7,
        tgid: 41,
        address: IpAddr::from([10, 0, 3, 7]).into(),
        port: 5432,
        family: interdict_abi::AF_INET,
        comm: *b"psql\0\0\0\0garbage!",
        ..Default::default()
    }
}

#[test]
fn a_flow_reads_as_it_was_asked_for() {
    let flow = Flow::from(raw());
    assert_eq!(flow.destination, "10.0.3.7:5432".parse().unwrap());
    assert_eq!(flow.comm, "psql");
    assert_eq!(flow.process_start_ns, None);
    assert_eq!(flow.tgid, 41);
}

#[test]
fn a_flow_is_taken_once() {
    let flows = MemoryFlows::new();
    let peer = "127.0.0.1:40000".parse().unwrap();
    let local = "127.0.0.1:16432".parse().unwrap();
    flows.insert(peer, local, Flow::from(raw()));
    assert!(flows.take_flow(peer, local, 8).is_none(), "another namespace");
    assert!(
        flows
            .take_flow(peer, "127.0.0.1:16433".parse().unwrap(), 7)
            .is_none(),
        "another listener"
    );
    assert!(flows.take_flow(peer, local, 7).is_some());
    assert!(flows.take_flow(peer, local, 7).is_none());
}

#[test]
fn a_dual_stack_listener_names_its_peer_in_mapped_form() {
    let flows = MemoryFlows::new();
    flows.insert(
        "127.0.0.1:40000".parse().unwrap(),
        "127.0.0.1:16432".parse().unwrap(),
        Flow::from(raw()),
    );
    let peer = "[::ffff:127.0.0.1]:40000".parse().unwrap();
    assert!(
        flows
            .take_flow(peer, "[::ffff:127.0.0.1]:16432".parse().unwrap(), 7)
            .is_some()
    );
}
