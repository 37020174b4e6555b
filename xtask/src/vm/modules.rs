//! Which modules a guest loads, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What scenarios use, where the kernel has it as a module: ways around (SCTP, SMC, vsock), namespaces' wires, packet
/// filters, and the kernel's answers about sockets.
const WANTED: &[&str] = &[
    "veth",
    "dummy",
    "tun",
    "nf_tables",
    "nft_chain_nat",
    "nft_ct",
    "nft_redir",
    "nft_nat",
    "sctp",
    "inet_diag",
    "tcp_diag",
    "udp_diag",
    "raw_diag",
    "unix_diag",
    "af_packet_diag",
    "mptcp_diag",
    "smc",
    "vsock",
    "vsock_loopback",
    "af_packet",
    "ipv6",
    "unix",
];

/// A module, ready to be loaded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    /// The object itself: compressed ones are opened here, so that the guest needs no tool for it.
    pub(super) object: Vec<u8>,
}

/// Reads the wanted modules of a kernel and what they need, in the order of loading. `directory` is `lib/modules/RELEASE`.
/// What the kernel has built in, or not at all, is not among them.
pub(super) fn read(directory: &Path) -> Result<Vec<Module>> {
    let listed = directory.join("modules.dep");
    let listed =
        fs::read_to_string(&listed).with_context(|| format!("{} can't be read", listed.display()))?;
    Dependencies::parse(&listed)
        .order(WANTED)
        .into_iter()
        .map(|path| {
            Ok(Module {
                name: name(path).into_owned(),
                object: open(&directory.join(path))?,
            })
        })
        .collect()
}

fn open(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => return fs::read(path).with_context(|| format!("{} can't be read", path.display())),
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => bail!("{}: a compression that is not known", path.display()),
    };
    let output = Command::new(program)
        .args(["--decompress", "--stdout"])
        .arg(path)
        .output()
        .with_context(|| format!("{program} can't be started"))?;
    if !output.status.success() {
        bail!("{program} can't open {}", path.display());
    }
    Ok(output.stdout)
}

/// As the kernel names it: `-` and `_` are the same, whatever the file is called.
fn name(path: &str) -> std::borrow::Cow<'_, str> {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    let stem = file.split_once(".ko").map_or(file, |(stem, _)| stem);
    if stem.contains('-') {
        stem.replace('-', "_").into()
    } else {
        stem.into()
    }
}

/// `modules.dep`: each module's file and those it needs.
#[derive(Debug, Default)]
struct Dependencies<'a> {
    by_path: BTreeMap<&'a str, Vec<&'a str>>,
    by_name: BTreeMap<String, &'a str>,
}

impl<'a> Dependencies<'a> {
    fn parse(text: &'a str) -> Self {
        let mut dependencies = Self::default();
        for (path, needed) in text.lines().filter_map(|line| line.split_once(':')) {
            dependencies
                .by_path
                .insert(path, needed.split_whitespace().collect());
            dependencies.by_name.insert(name(path).into_owned(), path);
        }
        dependencies
    }

    /// The files of these modules, each after all that it needs and once.
    fn order(&self, wanted: &[&str]) -> Vec<&'a str> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for module in wanted {
            if let Some(path) = self.by_name.get(*module) {
                self.add(path, &mut seen, &mut order);
            }
        }
        order
    }

    fn add(&self, path: &'a str, seen: &mut BTreeSet<&'a str>, order: &mut Vec<&'a str>) {
        // Marked first: a circle, which no kernel has, would not end otherwise.
        if !seen.insert(path) {
            return;
        }
        for needed in self.by_path.get(path).into_iter().flatten() {
            self.add(needed, seen, order);
        }
        order.push(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "kernel/net/sctp/sctp.ko.xz: kernel/net/udp-tunnel.ko.xz kernel/net/ip6_tunnel.ko.xz kernel/lib/crc.ko.xz\n\
        kernel/net/udp-tunnel.ko.xz: kernel/lib/crc.ko.xz\n\
        kernel/net/ip6_tunnel.ko.xz:\n\
        kernel/lib/crc.ko.xz:\n\
        kernel/drivers/net/veth.ko:\n";

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let dependencies = Dependencies::parse(LISTED);
        assert_eq!(
            dependencies.order(&["sctp", "veth", "udp_tunnel"]),
            [
                "kernel/lib/crc.ko.xz",
                "kernel/net/udp-tunnel.ko.xz",
                "kernel/net/ip6_tunnel.ko.xz",
                "kernel/net/sctp/sctp.ko.xz",
                "kernel/drivers/net/veth.ko",
            ]
        );
    }

    #[test]
    fn what_is_built_in_is_left_out() {
        assert!(Dependencies::parse(LISTED).order(&["af_packet"]).is_empty());
    }

    #[test]
    fn a_circle_ends() {
        let dependencies = Dependencies::parse("a.ko: b.ko\nb.ko: a.ko\n");
        assert_eq!(dependencies.order(&["a"]), ["b.ko", "a.ko"]);
    }

    #[test]
    fn objects_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        let plain = directory.path().join("veth.ko");
        fs::write(&plain, b"object").unwrap();
        assert_eq!(open(&plain).unwrap(), b"object");
        assert!(crate::ui::succeeds(Command::new("gzip").arg(&plain)));
        assert_eq!(open(&directory.path().join("veth.ko.gz")).unwrap(), b"object");
        assert!(open(&directory.path().join("veth.ko.lzo")).is_err());
    }
}
