//! Which Rust compiler builds the eBPF programs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ui;
use crate::workspace::Workspace;

/// What to do where neither way is open.
pub(crate) const ADVICE: &str = "`rustup toolchain install nightly --component rust-src` gives one anywhere, \
     and Debian's rustc-web with libstd-rust-web-dev-bpf is the other way";

/// The target of the programs: eBPF of this byte order, which is all that Linux servers have.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// A compiler that knows `core` for eBPF, or can build it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// A rustup toolchain that has core's source: core is built along.
    Nightly(String),
    /// The distribution's compiler with a core that was built before.
    Distribution(PathBuf),
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nightly(name) => write!(f, "rustup's {name}, which has rust-src"),
            Self::Distribution(rustc) => write!(
                f,
                "the distribution's {}, which has core for {TARGET}",
                rustc.display()
            ),
        }
    }
}

impl Compiler {
    /// A rustup nightly with the rust-src component, if there is one.
    pub(crate) fn nightly_with_source(workspace: &Workspace) -> Option<Self> {
        let listed = ui::output(Command::new("rustup").args(["toolchain", "list"])).ok()?;
        nightlies(&listed)
            .find(|name| {
                ui::output(workspace.toolchain(name, "rustc").args(["--print", "sysroot"])).is_ok_and(
                    |sysroot| {
                        Path::new(sysroot.trim())
                            .join("lib/rustlib/src/rust/library/core/Cargo.toml")
                            .exists()
                    },
                )
            })
            .map(|name| Self::Nightly(name.to_owned()))
    }

    /// The distribution's rustc, if its core for eBPF is installed.
    pub(crate) fn distribution(workspace: &Workspace) -> Option<Self> {
        let rustc = PathBuf::from("/usr/bin/rustc");
        let mut asked = Command::new(&rustc);
        asked
            .current_dir(&workspace.root)
            .env_remove("LD_LIBRARY_PATH")
            .args(["--print", "sysroot"]);
        let sysroot = ui::output(&mut asked).ok()?;
        let core = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET);
        core.is_dir().then_some(Self::Distribution(rustc))
    }

    /// cargo set up for eBPF with this compiler.
    pub(crate) fn cargo(&self, workspace: &Workspace) -> Command {
        let mut command = match self {
            Self::Nightly(name) => workspace.toolchain(name, "cargo"),
            Self::Distribution(rustc) => {
                let mut command = workspace.cargo();
                // Bootstrap mode lets a stable compiler take the unstable features that every eBPF program uses.
                command.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
                command
            }
        };
        // One rustflag a separator apart. BTF is what the kernel and both loaders read types from.
        command
            .env("CARGO_ENCODED_RUSTFLAGS", "-Cdebuginfo=2\x1f-Clink-arg=--btf")
            .env_remove("RUSTFLAGS");
        command
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER");
        command
    }

    /// What cargo needs to be told beside the target.
    pub(crate) const fn flags(&self) -> &'static [&'static str] {
        match self {
            Self::Nightly(_) => &["-Z", "build-std=core"],
            Self::Distribution(_) => &[],
        }
    }
}

fn nightlies(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("nightly"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nightlies_can_build_core() {
        let listed = "stable-x86_64-unknown-linux-gnu (active, default)\nnightly-2026-05-01-x86_64-unknown-linux-gnu\nnightly-x86_64-unknown-linux-gnu\n";
        let found: Vec<_> = nightlies(listed).collect();
        assert_eq!(
            found,
            [
                "nightly-2026-05-01-x86_64-unknown-linux-gnu",
                "nightly-x86_64-unknown-linux-gnu"
            ]
        );
    }
}
