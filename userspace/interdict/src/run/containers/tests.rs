use super::*;

fn id(digit: char) -> Container {
    Container {
        runtime: None,
        id: digit.to_string().repeat(64),
    }
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn names_are_where_engines_write_them() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let containers = Containers::below(root);
    for digit in ['a', 'b', 'c', 'd'] {
        assert_eq!(containers.known(&id(digit)), Known::Nothing);
    }
    let a = id('a').id;
    write(
        root,
        &format!("var/lib/docker/containers/{a}/config.v2.json"),
        &format!(r#"{{"StreamConfig":{{}},"ID":"{a}","Name":"/web-1","Driver":"overlay2"}}"#),
    );
    let b = id('b').id;
    write(
        root,
        "var/lib/containers/storage/overlay-containers/containers.json",
        &format!(r#"[{{"id":"{a}0","names":["other"]}},{{"id":"{b}","names":["web-2","two"],"layer":"x"}}]"#),
    );
    let c = id('c').id;
    write(
        root,
        &format!("run/containerd/io.containerd.runtime.v2.task/k8s.io/{c}/config.json"),
        r#"{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.container-name":"web","x":"y"}}"#,
    );
    let d = id('d').id;
    write(
        root,
        &format!("run/containers/storage/overlay-containers/{d}/userdata/config.json"),
        r#"{"annotations":{"io.kubernetes.container.name":"web-4"}}"#,
    );
    let names = |digit, names: &[&str]| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(containers.known(&id(digit)), Known::Names(names));
    };
    names('a', &["web-1"]);
    names('b', &["web-2", "two"]);
    names('c', &["web"]);
    names('d', &["web-4"]);
}

#[test]
fn a_file_that_is_being_written_tells_nothing_yet() {
    let root = tempfile::tempdir().unwrap();
    let path = format!("var/lib/docker/containers/{}/config.v2.json", id('a').id);
    let containers = Containers::below(root.path());
    for text in ["", "{\"Name\":\"/we", "{\"Name\":\"\"}", "[]"] {
        write(root.path(), &path, text);
        assert_eq!(containers.known(&id('a')), Known::Nothing, "{text}");
    }
    write(root.path(), &path, "{\"Name\":\"/web\"}");
    assert_eq!(containers.known(&id('a')), Known::Names(vec!["web".to_owned()]));
}
