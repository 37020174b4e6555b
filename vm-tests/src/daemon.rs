//! A daemon that a scenario can kill: `--daemon PINS CGROUP ADDRESS`.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use interdict_kernel::{Kernel, Mode, Settings, Workload};

use crate::bench::{WORKLOAD, destinations};
use crate::server::Proxy;

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let [pins, cgroup, address] = arguments else {
        bail!("--daemon PINS CGROUP ADDRESS")
    };
    let address: SocketAddr = address.parse()?;
    let kernel = Kernel::attach(&Settings {
        pin_root: PathBuf::from(pins),
        mode: Mode::Enforce,
        ..Settings::default()
    })?;
    let proxy = Proxy::start(&kernel.flows())?;
    let ports = (proxy.v4.address.port(), proxy.v6.address.port());
    kernel.publish_listener(proxy.cookie, Some(ports.0), Some(ports.1))?;
    kernel.scope(&[Workload {
        name: WORKLOAD.to_owned(),
        paths: vec![format!("{cgroup}/**")],
        ..Workload::default()
    }])?;
    kernel.protect(&destinations(&[address])?)?;
    println!("ready adopted={} port={}", kernel.adopted(), ports.0);
    // Until it is killed, or its parent is gone.
    let _ = std::io::stdin().read(&mut [0])?;
    Ok(())
}
