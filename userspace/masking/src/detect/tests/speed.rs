//! A figure for the clean case. Not a check: run with `--ignored --nocapture`, best in a release build.

use std::{hint::black_box, time::Instant};

use super::*;

/// Cells as a clinic's tables have them, none of which holds anything.
fn cells() -> Vec<String> {
    let mut cells = Vec::new();
    for n in 0_u32..20_000 {
        let mixed = n.wrapping_mul(2_654_435_761);
        cells.push(format!("{}", n + 1));
        cells.push(["Ada Abernathy", "Boris Brockman", "Zoë Müller"][n as usize % 3].to_owned());
        cells.push(["submitted", "paid", "denied"][n as usize % 3].to_owned());
        cells.push(format!("{}.{:02}", mixed % 900, n % 100));
        cells.push(format!("{} Maple St, Northfield", n % 1000));
        cells.push(format!("CLM-2024-{n:06}"));
        cells.push(format!("{}", 100_000_000 + mixed % 99_999_999));
        cells.push(format!("2024-{:02}-{:02} 10:11:12", n % 12 + 1, n % 28 + 1));
        cells.push("Stable. Prefers morning visits, uses an interpreter; next visit in 6 weeks.".to_owned());
    }
    cells
}

#[test]
#[ignore = "a measurement"]
fn speed_over_clean_short_cells() {
    let cells = cells();
    let bytes: usize = cells.iter().map(String::len).sum();
    for (name, detection) in [
        ("the usual five", Detection::new(&usual()).unwrap()),
        ("all but date", {
            let detectors = Detector::ALL
                .iter()
                .filter(|detector| **detector != Detector::Date);
            Detection::new(
                &detectors
                    .map(|detector| ((*detector).into(), Mask::Redact))
                    .collect::<Vec<_>>(),
            )
            .unwrap()
        }),
    ] {
        let mut out = BytesMut::new();
        for cell in &cells {
            assert!(!detection.redact(cell.as_bytes(), &mut out, |_| {}), "{cell}");
        }
        let start = Instant::now();
        let rounds = 10;
        for _ in 0..rounds {
            for cell in &cells {
                black_box(detection.redact(black_box(cell.as_bytes()), &mut out, |_| {}));
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let speed = (bytes * rounds) as f64 / seconds / 1e6;
        let each = seconds * 1e9 / (cells.len() * rounds) as f64;
        eprintln!(
            "{name}: {speed:.0} MB/s, {each:.0} ns a cell of {} bytes",
            bytes / cells.len()
        );
    }
}
