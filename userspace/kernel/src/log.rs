//! The lines of an object built with its feature `log`, for debugging only.

use std::time::Duration;

use aya::Ebpf;
use aya_log::EbpfLogger;

/// Hands the programs' lines to the `log` facade, from a thread of its own for as long as the process lives.
pub(crate) fn follow(ebpf: &mut Ebpf) {
    let mut logger = match EbpfLogger::init(ebpf) {
        Ok(logger) => logger,
        Err(error) => {
            tracing::debug!(%error, "the object has no log lines");
            return;
        }
    };
    let spawned = std::thread::Builder::new()
        .name("bpf-log".to_owned())
        .spawn(move || {
            loop {
                logger.flush();
                std::thread::sleep(Duration::from_millis(100));
            }
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread for the programs' log lines");
    }
}
