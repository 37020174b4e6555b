//! What kernels differ in, as far as it explains verdicts: `--facts`.

use std::path::Path;

use interdict_kernel::doctor;

/// Prints a line for the security modules and one for every feature that was tried out.
pub(crate) fn print() {
    let report = doctor(Path::new("/sys/fs/bpf/interdict-test-facts"));
    println!("INTERDICT-VM lsm={}", report.lsm.join(","));
    for feature in &report.features {
        let available = match feature.available {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        println!("INTERDICT-VM feature available={available} name={}", feature.name);
    }
}
