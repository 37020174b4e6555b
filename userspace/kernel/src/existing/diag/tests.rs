use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt as _;

use proptest::prelude::*;

use super::*;

fn find(local: SocketAddr, remote: SocketAddr) -> Option<Connection> {
    let connections = list().unwrap();
    let mut found = connections
        .list
        .into_iter()
        .filter(|one| (one.local, one.remote) == (local, remote));
    let first = found.next();
    assert!(found.next().is_none(), "one socket is listed twice");
    first
}

#[test]
fn lists_both_families_and_transports() {
    for ip in ["127.0.0.1", "[::1]"] {
        let listener = TcpListener::bind(format!("{ip}:0")).unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let udp = UdpSocket::bind(format!("{ip}:0")).unwrap();
        assert!(
            !list()
                .unwrap()
                .list
                .iter()
                .any(|one| one.transport == Transport::Udp && one.local == udp.local_addr().unwrap()),
            "a socket that is not connected is listed"
        );
        udp.connect(listener.local_addr().unwrap()).unwrap();
        for (transport, local) in [
            (Transport::Tcp, tcp.local_addr().unwrap()),
            (Transport::Udp, udp.local_addr().unwrap()),
        ] {
            let found = find(local, listener.local_addr().unwrap()).unwrap();
            assert_eq!(found.transport, transport);
            assert_eq!(found.uid, nix::unistd::getuid().as_raw());
            assert_ne!(found.inode, 0);
            let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
            let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
            let root = crate::CgroupRoot::find().unwrap();
            let directory = root.path().join(own.trim_start_matches('/'));
            assert_eq!(found.cgroup_id, Some(std::fs::metadata(directory).unwrap().ino()));
        }
    }
}

#[test]
fn cookies_are_those_that_the_socket_tells() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let found = find(tcp.local_addr().unwrap(), listener.local_addr().unwrap()).unwrap();
    assert_eq!(socket2::SockRef::from(&tcp).cookie().unwrap(), found.cookie);
}

#[test]
fn an_error_in_the_answer_is_told() {
    let mut bytes = Vec::new();
    bytes.extend(20_u32.to_ne_bytes());
    bytes.extend(NLMSG_ERROR.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend((-libc::ENOENT).to_ne_bytes());
    let all: Vec<_> = messages(&bytes).collect();
    assert!(matches!(all.as_slice(), [Message::Error(libc::ENOENT)]));
    bytes[4..6].copy_from_slice(&NLMSG_DONE.to_ne_bytes());
    assert!(matches!(
        messages(&bytes).next(),
        Some(Message::Error(libc::ENOENT))
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for message in messages(&bytes) {
            if let Message::Other(body) = message {
                let _ = Connection::read(Transport::Tcp, body);
            }
        }
        let _ = Connection::read(Transport::Udp, &bytes);
    }
}
