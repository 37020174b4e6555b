//! What building and testing need of the machine.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::debian;
use crate::{host, mariadb, postgres};

/// One thing, how Debian calls it, and how to see whether it is there.
pub(crate) struct Need {
    pub(crate) package: &'static str,
    pub(crate) what: &'static str,
    pub(crate) purpose: &'static str,
    when: When,
    /// Asked where the package is not installed: the thing may have come another way.
    present: fn() -> bool,
}

/// For whom it is needed.
#[derive(PartialEq)]
enum When {
    Always,
    /// For the static binary of `dist`.
    Dist,
    /// To try what `dist` made.
    DistCheck,
    /// Without a nightly toolchain that has rust-src.
    DistributionCompiler,
    /// To build a linker for eBPF that is not there yet.
    LinkerFromSource,
    /// Only for `vm`.
    Machines,
    /// Only for `bench`.
    Bench,
    /// Only for `bench --instructions`.
    Instructions,
}

const NEEDS: &[Need] = &[
    need(
        "gcc",
        "a C compiler",
        "links every Rust program",
        When::Always,
        || has("cc"),
    ),
    need(
        "libc6-dev",
        "the C library's headers",
        "links every Rust program",
        When::Always,
        || exists("/usr/include/stdio.h"),
    ),
    need("make", "make", "libbpf", When::Always, || has("make")),
    need("pkg-config", "pkg-config", "libbpf", When::Always, || {
        has("pkg-config")
    }),
    need("libelf-dev", "libelf's headers", "libbpf", When::Always, || {
        library("libelf")
    }),
    need("zlib1g-dev", "zlib's headers", "libbpf", When::Always, || {
        library("zlib")
    }),
    need(
        "libclang-22-dev",
        "libclang (set LIBCLANG_PATH)",
        "bindings of the Postgres parser",
        When::Always,
        || std::env::var_os("LIBCLANG_PATH").is_some_and(|named| Path::new(&named).is_dir()),
    ),
    need(
        "chromium",
        "Chromium",
        "tests of the console",
        When::Always,
        || has("chromium") || has("chromium-browser") || has("google-chrome"),
    ),
    need(
        "bpftool",
        "bpftool",
        "looking at what the kernel has loaded",
        When::Always,
        || host::program("bpftool").is_some(),
    ),
    need(
        "postgresql",
        "PostgreSQL's server",
        "demo, tests and bench",
        When::Always,
        || postgres::binaries().is_ok(),
    ),
    need(
        "postgresql-client",
        "psql",
        "demo and tests",
        When::Always,
        || has("psql"),
    ),
    need(
        "mariadb-server",
        "MariaDB's server",
        "demo and tests",
        When::Always,
        mariadb::is_here,
    ),
    need(
        "mariadb-client",
        "MariaDB's client",
        "demo and tests",
        When::Always,
        || has("mariadb") && has("mariadb-admin"),
    ),
    need(
        "libmariadb-dev",
        "MariaDB's client library with headers",
        "tests with Python's drivers that are built from source",
        When::Always,
        || has("mariadb_config"),
    ),
    need(
        "python3-dev",
        "Python's headers",
        "tests with Python's drivers that are built from source",
        When::Always,
        || {
            crate::ui::succeeds(Command::new("python3").args([
                "-c",
                "import os, sysconfig; open(os.path.join(sysconfig.get_path('include'), 'Python.h')).close()",
            ]))
        },
    ),
    need(
        "python3-venv",
        "Python 3 with venv",
        "tests with Python's clients, and the demo with HTTP",
        When::Always,
        || crate::ui::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])),
    ),
    need("curl", "curl", "demo and tests with HTTP", When::Always, || {
        has("curl")
    }),
    need(
        "openssl",
        "openssl's command",
        "certificates of the demo and of tests",
        When::Always,
        || has("openssl"),
    ),
    need(
        "nginx-light",
        "nginx with HTTP/2",
        "tests with HTTP",
        When::Always,
        || has("nginx"),
    ),
    need("rsyslog", "rsyslogd", "tests of streams", When::Always, || {
        has("rsyslogd")
    }),
    need(
        "rsyslog-openssl",
        "rsyslog's TLS",
        "tests of streams",
        When::Always,
        || {
            let driver = format!(
                "/usr/lib/{}-linux-gnu/rsyslog/lmnsd_ossl.so",
                std::env::consts::ARCH
            );
            Path::new(&driver).is_file()
        },
    ),
    need(
        "nghttp2-client",
        "h2load",
        "tests with HTTP/2",
        When::Always,
        || has("h2load"),
    ),
    need("brotli", "brotli", "tests with HTTP", When::Always, || {
        has("brotli")
    }),
    need("zstd", "zstd", "tests with HTTP", When::Always, || has("zstd")),
    need(
        "bzip2",
        "bzip2",
        "unpacking PostgreSQL's regression scripts",
        When::Always,
        || has("bzip2"),
    ),
    need(
        "rustc-web",
        "a rustup nightly with rust-src",
        "eBPF programs",
        When::DistributionCompiler,
        never,
    ),
    need(
        "libstd-rust-web-dev-bpf",
        "a rustup nightly with rust-src",
        "eBPF programs",
        When::DistributionCompiler,
        never,
    ),
    need(
        "llvm-22-dev",
        "LLVM 22's headers",
        "bpf-linker",
        When::LinkerFromSource,
        never,
    ),
    need(
        "libpolly-22-dev",
        "Polly 22",
        "bpf-linker",
        When::LinkerFromSource,
        never,
    ),
    need(
        "clang-22",
        "clang 22",
        "bpf-linker",
        When::LinkerFromSource,
        never,
    ),
    need(
        "libzstd-dev",
        "zstd's headers",
        "bpf-linker",
        When::LinkerFromSource,
        || library("libzstd"),
    ),
    need("musl-tools", "musl-gcc", "the static binary", When::Dist, || {
        has("musl-gcc")
    }),
    need(
        "linux-libc-dev",
        "the kernel's headers",
        "the static binary",
        When::Dist,
        || exists("/usr/include/linux/bpf.h"),
    ),
    need("autoconf", "autoconf", "libelf", When::Dist, || has("autoreconf")),
    need("automake", "automake", "libelf", When::Dist, || has("automake")),
    need("autopoint", "autopoint", "libelf", When::Dist, || {
        has("autopoint")
    }),
    need("libtool", "libtool", "libelf", When::Dist, || has("libtoolize")),
    need("gettext", "gettext", "libelf", When::Dist, || has("msgfmt")),
    need("flex", "flex", "libelf", When::Dist, || has("flex")),
    need("bison", "bison", "libelf", When::Dist, || has("bison")),
    need("gawk", "gawk", "libelf", When::Dist, || has("gawk")),
    need(
        "systemd",
        "systemd-analyze",
        "judging the unit",
        When::DistCheck,
        || has("systemd-analyze"),
    ),
    need("runc", "runc", "running the image", When::DistCheck, || {
        host::program("runc").is_some()
    }),
    need(
        "iproute2",
        "ip",
        "an agent's network namespace",
        When::DistCheck,
        || host::program("ip").is_some(),
    ),
    need("npm", "npm", "fetching helm", When::DistCheck, || has("npm")),
    need(
        "qemu-system-x86",
        "QEMU for x86-64",
        "virtual machines",
        When::Machines,
        || has("qemu-system-x86_64"),
    ),
    need(
        "busybox-static",
        "busybox",
        "virtual machines' user space, and testing their archives",
        When::Always,
        || has("busybox"),
    ),
    need(
        "binutils",
        "strip",
        "virtual machines' user space",
        When::Machines,
        || has("strip"),
    ),
    need(
        "xz-utils",
        "xz",
        "virtual machines' kernel modules",
        When::Machines,
        || has("xz"),
    ),
    need(
        "kmod",
        "depmod",
        "virtual machines' kernel modules",
        When::Machines,
        || has("depmod"),
    ),
    need(
        "debian-archive-keyring",
        "Debian's keys",
        "checking virtual machines' kernels",
        When::Machines,
        || exists("/usr/share/keyrings/debian-archive-keyring.gpg"),
    ),
    need(
        "pgbouncer",
        "PgBouncer",
        "a proxy to measure beside",
        When::Bench,
        || has("pgbouncer"),
    ),
    need(
        "haproxy",
        "HAProxy",
        "a proxy to measure beside",
        When::Bench,
        || has("haproxy"),
    ),
    need(
        "nftables",
        "nft",
        "a redirect to measure beside",
        When::Bench,
        || has("nft"),
    ),
    need(
        "util-linux",
        "taskset",
        "measuring on one core",
        When::Bench,
        || has("taskset"),
    ),
    need(
        "valgrind",
        "valgrind",
        "counting instructions",
        When::Instructions,
        || has("valgrind"),
    ),
];

const fn need(
    package: &'static str,
    what: &'static str,
    purpose: &'static str,
    when: When,
    present: fn() -> bool,
) -> Need {
    Need {
        package,
        what,
        purpose,
        when,
        present,
    }
}

/// What is not there. `distribution_compiler`: eBPF can only be built with the distribution's rustc;
/// `linker`: bpf-linker has to be built.
pub(crate) fn missing(distribution_compiler: bool, linker: bool) -> Result<Vec<&'static Need>> {
    let asked: Vec<&'static Need> = NEEDS
        .iter()
        .filter(|need| match need.when {
            When::Always => true,
            When::Dist | When::DistCheck | When::Machines | When::Bench | When::Instructions => false,
            When::DistributionCompiler => distribution_compiler,
            // With a nightly, its own bpf-linker brings LLVM along.
            When::LinkerFromSource => linker && distribution_compiler,
        })
        .collect();
    absent(asked)
}

/// What `dist` lacks beside that; with `check`, what trying it lacks.
pub(crate) fn missing_for_dist(check: bool) -> Result<Vec<&'static Need>> {
    let when = if check { When::DistCheck } else { When::Dist };
    absent(NEEDS.iter().filter(|need| need.when == when).collect())
}

/// What `vm` lacks.
pub(crate) fn missing_for_machines() -> Result<Vec<&'static Need>> {
    absent(NEEDS.iter().filter(|need| need.when == When::Machines).collect())
}

/// What `bench` lacks; with `instructions`, what counting them lacks.
pub(crate) fn missing_for_bench(instructions: bool) -> Result<Vec<&'static Need>> {
    let when = if instructions {
        When::Instructions
    } else {
        When::Bench
    };
    absent(NEEDS.iter().filter(|need| need.when == when).collect())
}

fn absent(asked: Vec<&'static Need>) -> Result<Vec<&'static Need>> {
    let installed = debian::installed(asked.iter().map(|need| need.package))?;
    Ok(asked
        .into_iter()
        .filter(|need| !installed.contains(need.package) && !(need.present)())
        .collect())
}

fn has(program: &str) -> bool {
    host::program(program).is_some()
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

fn library(name: &str) -> bool {
    crate::ui::succeeds(Command::new("pkg-config").args(["--exists", name]))
}

const fn never() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_package_is_named_twice() {
        let names: BTreeSet<_> = NEEDS.iter().map(|need| need.package).collect();
        assert_eq!(names.len(), NEEDS.len());
    }
}
