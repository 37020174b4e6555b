use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn the_newest_is_first_and_the_signed_one_before_the_other() {
    let names = names(&[
        "linux-image-6.1-cloud-amd64",
        "linux-image-6.1.0-9-cloud-amd64",
        "linux-image-6.1.0-56-cloud-amd64-unsigned",
        "linux-image-6.1.0-56-cloud-amd64",
        "linux-image-6.1.0-56-cloud-amd64-dbg",
        "linux-image-6.1.0-56-amd64",
        "linux-image-6.12.107+deb12-cloud-amd64",
    ]);
    assert_eq!(
        candidates(&names, "6.1"),
        [
            ["linux-image-6.1.0-56-cloud-amd64"],
            ["linux-image-6.1.0-56-cloud-amd64-unsigned"],
            ["linux-image-6.1.0-9-cloud-amd64"],
        ]
    );
    assert!(candidates(&names, "5.15").is_empty());
}

#[test]
fn from_7_0_on_a_kernel_is_two_packages() {
    let names = names(&[
        "linux-image-7.2.12+deb13-cloud-amd64",
        "linux-binary-unsigned-7.2.12+deb13-cloud-amd64",
        "linux-binary-7.2.12+deb13-cloud-amd64",
        "linux-image-6.18.15+deb13-cloud-amd64",
    ]);
    assert_eq!(
        candidates(&names, ""),
        [
            vec![
                "linux-binary-7.2.12+deb13-cloud-amd64",
                "linux-modules-7.2.12+deb13-cloud-amd64"
            ],
            vec![
                "linux-binary-unsigned-7.2.12+deb13-cloud-amd64",
                "linux-modules-7.2.12+deb13-cloud-amd64"
            ],
            vec!["linux-image-6.18.15+deb13-cloud-amd64"],
        ]
    );
}

fn store(kernels: &[(&str, &str)]) -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    for (package, suite) in kernels {
        let directory = root.path().join("kernels").join(package);
        fs::create_dir_all(&directory).unwrap();
        let kernel = Kernel {
            version: version::upstream(package).to_owned(),
            package: (*package).to_owned(),
            suite: (*suite).to_owned(),
            release: "r".to_owned(),
            directory: PathBuf::new(),
        };
        fs::write(
            directory.join("kernel.json"),
            serde_json::to_vec(&kernel).unwrap(),
        )
        .unwrap();
    }
    let store = Store::new(root.path().to_owned(), false);
    (root, store)
}

#[test]
fn what_is_on_disk_needs_no_network() {
    let (_root, store) = store(&[
        ("6.12.117-1", "trixie"),
        ("6.12.90-1", "trixie"),
        ("6.12.95-1~bpo12+1", "bookworm-backports"),
        ("6.1.192-2", "bookworm"),
    ]);
    let selected = |wish: &str| -> Vec<String> {
        let kernels = store.select(&[wish.to_owned()]).unwrap();
        kernels.into_iter().map(|kernel| kernel.version).collect()
    };
    assert_eq!(selected("6.1"), ["6.1.192"]);
    assert_eq!(selected("bookworm"), ["6.1.192"]);
    assert_eq!(selected("trixie"), ["6.12.117"]);
}
