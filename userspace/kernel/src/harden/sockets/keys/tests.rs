use std::os::unix::net::UnixListener;

use super::*;

fn kinds(keys: &[UnixKey]) -> Vec<u32> {
    keys.iter().map(|key| key.kind).collect()
}

#[test]
fn impossible_paths_are_refused() {
    for (path, why) in [
        ("run/postgresql/.s.PGSQL.5432", "absolute"),
        ("/", "no file"),
        ("/run/..", "no file"),
    ] {
        let error = check(Path::new(path)).unwrap_err().to_string();
        assert!(error.contains(why), "{path}: {error}");
    }
    let long = format!("/run/{}", "x".repeat(LONGEST + 1));
    assert!(check(Path::new(&long)).is_err());
    check(Path::new(&long[..long.len() - 1])).unwrap();
}

#[test]
fn what_is_there_is_known_by_more() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("postgresql");
    let socket = directory.join(".s.PGSQL.5432");
    assert_eq!(kinds(&of(&socket)), [unix_kind::NAME]);
    assert_eq!(nearest_directory(&socket), Some(root.path()));

    fs::create_dir(&directory).unwrap();
    assert_eq!(kinds(&of(&socket)), [unix_kind::NAME, unix_kind::ENTRY]);
    assert_eq!(nearest_directory(&socket), Some(&*directory));

    let listener = UnixListener::bind(&socket).unwrap();
    let first = of(&socket);
    assert_eq!(
        kinds(&first),
        [unix_kind::NAME, unix_kind::ENTRY, unix_kind::INODE]
    );
    assert_eq!(first[2].inode, fs::metadata(&socket).unwrap().ino());
    assert_eq!(first[1].name[..14], *b".s.PGSQL.5432\0");

    // A restart: what is known by the directory stays, the inode is another one.
    let kept = directory.join("kept");
    fs::rename(&socket, &kept).unwrap();
    drop(listener);
    let _restarted = UnixListener::bind(&socket).unwrap();
    let second = of(&socket);
    assert_eq!(first[..2], second[..2]);
    assert_ne!(first[2], second[2]);
}

#[test]
fn links_lead_to_what_they_name() {
    let root = tempfile::tempdir().unwrap();
    let socket = root.path().join("mysqld.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let link = root.path().join("mysql.sock");
    std::os::unix::fs::symlink(&socket, &link).unwrap();
    let by_link = of(&link);
    for key in of(&fs::canonicalize(&socket).unwrap()) {
        assert!(by_link.contains(&key), "{key:?}");
    }
}

#[test]
fn devices_are_those_of_the_mount() {
    let mounts = "24 1 0:22 / /proc rw - proc proc rw\n31 1 254:1 /sub /data rw - btrfs /dev/vda1 rw\n";
    assert_eq!(device_in(mounts, "31"), Some((254, 1)));
    assert_eq!(device_in(mounts, "3"), None);
    assert_eq!(kernel_device(254, 1), 0x0fe0_0001);
}
