//! What one endpoint came to under one load.

use serde::Serialize;

use super::{Sample, shown, table};
use crate::bench::endpoint::Role;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::bench) struct Row {
    pub(in crate::bench) load: &'static str,
    pub(in crate::bench) endpoint: &'static str,
    pub(in crate::bench) per_second: f64,
    /// To the direct connection of the same round: the middle, the least and the greatest.
    pub(in crate::bench) to_direct: [f64; 3],
    /// The same to the copying proxy, for what does more than copy.
    pub(in crate::bench) to_copy: Option<[f64; 3]>,
    /// The middles of the rounds'.
    pub(in crate::bench) p50_us: Option<f64>,
    pub(in crate::bench) p99_us: Option<f64>,
    /// More than the direct connection's in the same round; the middle.
    pub(in crate::bench) added_us: Option<f64>,
    /// To the copying proxy's of the same round; the middle.
    pub(in crate::bench) p99_to_copy: Option<f64>,
    /// Of the endpoint's own processes.
    pub(in crate::bench) cpu_us_per_operation: Option<f64>,
    pub(in crate::bench) mb_per_second: Option<f64>,
    /// For each second of those processes' CPU time.
    pub(in crate::bench) mb_per_core_second: Option<f64>,
}

/// `direct` and `copy`: the samples of the direct connection and of the copying proxy.
pub(super) fn row(
    load: &'static str,
    role: Role,
    samples: &[&Sample],
    direct: &[&Sample],
    copy: &[&Sample],
) -> Option<Row> {
    let operations: u64 = samples.iter().map(|sample| sample.operations).sum();
    let bytes: u64 = samples.iter().map(|sample| sample.bytes).sum();
    let seconds: f64 = samples.iter().map(|sample| sample.seconds).sum();
    let cpu: f64 = samples.iter().map(|sample| sample.cpu_us).sum();
    let of =
        |what: fn(&Sample) -> Option<f64>| middle(samples.iter().filter_map(|sample| what(sample)).collect());
    let beside = |base: &[&Sample], what: fn(&Sample, &Sample) -> Option<f64>| {
        paired(samples, base)
            .filter_map(|(sample, base)| what(sample, base))
            .collect::<Vec<_>>()
    };
    let ratio = |base: &[&Sample]| spread(beside(base, |a, b| Some(a.per_second() / b.per_second())));
    let is_proxy = role != Role::Direct;
    let counted = |figure: f64, bytes: u64| (bytes > 0 && figure.is_finite()).then_some(figure);
    Some(Row {
        load,
        endpoint: role.name(),
        per_second: middle(samples.iter().map(|sample| sample.per_second()).collect())?,
        to_direct: ratio(direct)?,
        to_copy: ratio(copy).filter(|_| is_proxy && role != Role::Copy),
        p50_us: of(|sample| sample.p50_us),
        p99_us: of(|sample| sample.p99_us),
        added_us: middle(beside(direct, |a, b| Some(a.p50_us? - b.p50_us?))).filter(|_| is_proxy),
        p99_to_copy: middle(beside(copy, |a, b| Some(a.p99_us? / b.p99_us?))).filter(|_| is_proxy),
        cpu_us_per_operation: is_proxy.then_some(cpu / operations.max(1) as f64),
        mb_per_second: counted(bytes as f64 / 1e6 / seconds, bytes),
        mb_per_core_second: counted(bytes as f64 / cpu, bytes),
    })
}

/// Samples of the same round.
fn paired<'a>(
    samples: &'a [&'a Sample],
    base: &'a [&'a Sample],
) -> impl Iterator<Item = (&'a Sample, &'a Sample)> {
    samples.iter().filter_map(|sample| {
        let other = base.iter().find(|other| other.round == sample.round)?;
        Some((*sample, *other))
    })
}

/// The middle, the least, the greatest.
fn spread(values: Vec<f64>) -> Option<[f64; 3]> {
    let least = values.iter().copied().reduce(f64::min)?;
    let greatest = values.iter().copied().reduce(f64::max)?;
    Some([middle(values)?, least, greatest])
}

pub(in crate::bench) fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

pub(super) fn table_of(rows: &[Row]) -> String {
    let ratio = |ratio: Option<[f64; 3]>| {
        ratio.map_or_else(String::new, |[middle, least, greatest]| {
            format!("{middle:.2} [{least:.2}..{greatest:.2}]")
        })
    };
    let mut last = "";
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            // Said once, for all its rows.
            let load = if row.load == last { "" } else { row.load };
            last = row.load;
            vec![
                load.to_owned(),
                row.endpoint.to_owned(),
                shown(Some(row.per_second), 0),
                ratio(Some(row.to_direct)),
                ratio(row.to_copy),
                shown(row.p50_us, 0),
                shown(row.added_us, 0),
                shown(row.p99_us, 0),
                shown(row.cpu_us_per_operation, 2),
                shown(row.mb_per_second, 0),
                shown(row.mb_per_core_second, 0),
            ]
        })
        .collect();
    table(
        2,
        [
            "load",
            "endpoint",
            "per s",
            "to direct",
            "to copy",
            "p50 µs",
            "+p50 µs",
            "p99 µs",
            "CPU µs each",
            "MB/s",
            "MB/s a core",
        ],
        &rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(role: Role, round: u32, operations: u64, p99_us: f64, cpu_us: f64) -> Sample {
        Sample {
            load: "l",
            endpoint: role.name(),
            round,
            operations,
            seconds: 1.0,
            bytes: operations * 10,
            p50_us: Some(p99_us / 2.0),
            p99_us: Some(p99_us),
            cpu_us,
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let direct = [
            sample(Role::Direct, 0, 1000, 50.0, 0.0),
            sample(Role::Direct, 1, 500, 60.0, 0.0),
        ];
        let copy = [
            sample(Role::Copy, 0, 600, 100.0, 6000.0),
            sample(Role::Copy, 1, 300, 110.0, 3000.0),
        ];
        let masks = [
            sample(Role::Masks, 0, 300, 150.0, 9000.0),
            sample(Role::Masks, 1, 150, 165.0, 4500.0),
        ];
        let [direct, copy, masks] = [&direct, &copy, &masks].map(|all| all.iter().collect::<Vec<_>>());
        let seen = row("l", Role::Masks, &masks, &direct, &copy).unwrap();
        assert_eq!(Some(seen.to_direct), Some([0.3; 3]));
        assert_eq!(seen.to_copy, Some([0.5; 3]));
        assert_eq!(seen.added_us, Some(51.25));
        assert_eq!(seen.p99_to_copy, Some(1.5));
        assert_eq!(seen.cpu_us_per_operation, Some(30.0));
        // 4500 bytes in 13.5 ms of CPU time.
        assert_eq!(seen.mb_per_core_second, Some(4500.0 / 13500.0));
        let base = row("l", Role::Direct, &direct, &direct, &copy).unwrap();
        assert_eq!(
            (base.to_copy, base.added_us, base.cpu_us_per_operation),
            (None, None, None)
        );
        assert_eq!(row("l", Role::Masks, &[], &direct, &copy), None);
    }

    #[test]
    fn middles() {
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(middle(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(middle(Vec::new()), None);
    }
}
