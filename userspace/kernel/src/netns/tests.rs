use super::*;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn own_namespace_is_the_one_of_this_process() {
    let own = Namespace::own().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(own.cookie(), sys::netns_cookie(&socket).unwrap());
    let same = Process::open(std::process::id()).unwrap();
    assert_eq!(own.inode(), same.netns_inode().unwrap());
}

#[test]
fn listens_on_loopback_in_its_range() {
    let own = Namespace::own().unwrap();
    let (first, second) = block_on(async { (own.listen().await.unwrap(), own.listen().await.unwrap()) });
    for address in [&first, &second].map(|one| one.v4.local_addr().unwrap()) {
        assert!(address.ip().is_loopback() && LISTENER_PORTS.contains(&address.port()));
    }
    assert_ne!(
        first.v4.local_addr().unwrap(),
        second.v4.local_addr().unwrap(),
        "two listeners share a port"
    );
    TcpStream::connect(first.v4.local_addr().unwrap()).unwrap();
}

#[test]
fn a_process_that_is_gone_has_no_namespace() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let process = Process::open(child.id()).unwrap();
    assert!(process.netns_inode().is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(process.netns_inode().is_err() && process.open_netns().is_err() && process.comm().is_none());
}
