//! Embeds the eBPF object that `cargo xtask build` made. Without one, an empty file takes its place, so that check,
//! clippy and the tests that need no kernel work on any machine.

use std::path::PathBuf;
use std::{env, fs};

const OBJECT: &str = "INTERDICT_BPF_OBJECT";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-env-changed={OBJECT}");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("interdict.bpf.o");
    match env::var_os(OBJECT).filter(|path| !path.is_empty()) {
        Some(object) => {
            let object = PathBuf::from(object);
            println!("cargo:rerun-if-changed={}", object.display());
            fs::copy(&object, &out).map_err(|error| format!("{OBJECT}={}: {error}", object.display()))?;
        }
        None => fs::write(&out, [])?,
    }
    Ok(())
}
