//! Embeds the eBPF objects that `cargo xtask build` made: the programs, and beside them those for Unix sockets. Without them,
//! empty files take their place, so that check, clippy and the tests that need no kernel work on any machine.

use std::path::{Path, PathBuf};
use std::{env, fs};

const OBJECT: &str = "INTERDICT_BPF_OBJECT";
/// The name of the second object, in the directory of the first.
const UNIX: &str = "interdict-unix-ebpf";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-env-changed={OBJECT}");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let (programs, unix) = (out.join("interdict.bpf.o"), out.join("interdict-unix.bpf.o"));
    if let Some(object) = env::var_os(OBJECT).filter(|path| !path.is_empty()) {
        let object = PathBuf::from(object);
        embed(&object, &programs)?;
        let beside = object.with_file_name(UNIX);
        if beside.exists() {
            embed(&beside, &unix)?;
        } else {
            println!("cargo:rerun-if-changed={}", beside.display());
            println!(
                "cargo:warning={} is missing: Unix sockets need it",
                beside.display()
            );
            fs::write(unix, [])?;
        }
    } else {
        fs::write(programs, [])?;
        fs::write(unix, [])?;
    }
    Ok(())
}

fn embed(object: &Path, out: &Path) -> Result<(), String> {
    println!("cargo:rerun-if-changed={}", object.display());
    match fs::copy(object, out) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{OBJECT}: {}: {error}", object.display())),
    }
}
