//! Rules for the packet filter of this process's network namespace.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Applies them. Fails where nft is not installed or the kernel has no such rules.
pub(crate) fn apply(rules: &str) -> Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("nft is not installed")?;
    nft.stdin
        .take()
        .context("nft's input")?
        .write_all(rules.as_bytes())?;
    ensure!(nft.wait()?.success(), "nft refused the rules");
    Ok(())
}
