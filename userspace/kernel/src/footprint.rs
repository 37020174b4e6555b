//! How much of the daemon's own program is in memory.
//!
//! The kernel maps sixteen pages of a file where one is touched, and never unmaps them while there is room: start and the first
//! statement of each kind leave twenty megabytes of code behind that an idle daemon does not run.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::sys;

/// Unmaps the pages of the program that hold nothing but what is in its file. What is used again is mapped again, from the page
/// cache. Tells how many bytes were mapped.
///
/// # Errors
/// What is mapped can't be read, or the kernel refuses.
pub fn forget_program() -> io::Result<u64> {
    let program = fs::read_link("/proc/self/exe")?;
    let mut bytes = 0;
    for mapping in mappings(&fs::read_to_string("/proc/self/smaps")?, &program) {
        sys::forget_pages(mapping.range)?;
        bytes += mapping.resident;
    }
    Ok(bytes)
}

/// A part of the program's file in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    range: Range<usize>,
    /// Bytes of it that are mapped.
    resident: u64,
}

/// The mappings of that file that can't be written and have no page of their own: proc(5), `/proc/pid/smaps`.
fn mappings(smaps: &str, program: &Path) -> Vec<Mapping> {
    let mut found = Vec::new();
    let mut current: Option<Mapping> = None;
    for line in smaps.lines() {
        let Some((name, value)) = line.split_once(':').filter(|(name, _)| !name.contains(' ')) else {
            found.extend(current.take());
            current = header(line, program);
            continue;
        };
        let bytes = value
            .trim()
            .strip_suffix(" kB")
            .and_then(|number| number.parse::<u64>().ok())
            .map(|kilobytes| kilobytes * 1024);
        match (name, bytes) {
            ("Rss", Some(bytes)) => {
                if let Some(mapping) = &mut current {
                    mapping.resident = bytes;
                }
            }
            // Relocations, or what a debugger put there: the file does not have it. A file that was just written is dirty itself.
            ("Anonymous" | "Swap" | "Locked", bytes) if bytes != Some(0) => current = None,
            _ => {}
        }
    }
    found.extend(current);
    found.retain(|mapping| mapping.resident > 0);
    found
}

/// `55d0-55d1 r-xp 00000000 fe:00 1234   /usr/bin/interdict`, if it is that file and can't be written.
fn header(line: &str, program: &Path) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let range = address(start)?..address(end)?;
    let permissions = fields.next()?;
    let path = fields.last()?.trim_start();
    let is_ours = Path::new(path) == program && permissions.starts_with("r-") && permissions.ends_with('p');
    is_ours.then_some(Mapping { range, resident: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
1000-3000 r--p 00000000 fe:00 7    /usr/bin/a b
Size:                  8 kB
Rss:                   8 kB
Private_Dirty:         8 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
3000-5000 r-xp 00002000 fe:00 7    /usr/bin/a b
Rss:                   4 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
5000-6000 r--p 00004000 fe:00 7    /usr/bin/a b
Rss:                   4 kB
Private_Dirty:         4 kB
Anonymous:             4 kB
6000-7000 rw-p 00005000 fe:00 7    /usr/bin/a b
Rss:                   4 kB
Private_Dirty:         0 kB
7000-8000 r-xp 00005000 fe:00 8    /usr/lib/b
Rss:                   4 kB
8000-9000 r-xp 00006000 fe:00 7    /usr/bin/a b
Rss:                   0 kB
9000-a000 rw-p 00000000 00:00 0
Rss:                   4 kB
";

    #[test]
    fn only_what_the_file_has() {
        let found = mappings(SMAPS, Path::new("/usr/bin/a b"));
        let want = [(0x1000..0x3000, 8192), (0x3000..0x5000, 4096)];
        let want = want.map(|(range, resident)| Mapping { range, resident });
        assert_eq!(found, want);
    }

    #[test]
    fn this_program_goes_on_with_less() {
        let resident = || {
            let program = fs::read_link("/proc/self/exe").unwrap();
            let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
            let all = mappings(&smaps, &program);
            all.iter().map(|mapping| mapping.resident).sum::<u64>()
        };
        let before = resident();
        assert!(forget_program().unwrap() > 0);
        let after = resident();
        assert!(after < before, "{after} of {before}");
    }
}
