//! This run beside an earlier one.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::report::{Report, Row, shown, table};

/// The table of what an earlier run's file has too.
pub(super) fn text(report: &Report, file: &Path) -> Result<String> {
    let earlier = fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let earlier: Value =
        serde_json::from_str(&earlier).with_context(|| format!("{} is no earlier run", file.display()))?;
    let at = earlier
        .pointer("/machine/at")
        .and_then(Value::as_str)
        .unwrap_or("?");
    let rows = rows(&report.summary, &earlier);
    let targets: Vec<Vec<String>> = report
        .targets
        .iter()
        .filter_map(|target| {
            let mut all = earlier.get("targets")?.as_array()?.iter();
            let same = all.find(|other| {
                other.get("what").and_then(Value::as_str) == Some(&target.what)
                    && other.get("unit").and_then(Value::as_str) == Some(target.unit)
            })?;
            let (then, now) = (same.get("figure")?.as_f64()?, target.figure?);
            let what = format!("{}, {}", target.what, target.unit);
            Some(vec![
                what,
                shown(Some(then), 2),
                shown(Some(now), 2),
                change(then, now),
            ])
        })
        .collect();
    Ok(format!(
        "\nBeside the run of {at}\n\n{}\n{}\nRatios are to the direct connection of the same run. A change counts where both runs had the machine to themselves.\n",
        table(
            2,
            [
                "load",
                "endpoint",
                "to direct",
                "now",
                "",
                "CPU µs each",
                "now",
                ""
            ],
            &rows
        ),
        table(1, ["target", "then", "now", ""], &targets)
    ))
}

fn rows(summary: &[Row], earlier: &Value) -> Vec<Vec<String>> {
    let found = |row: &Row| {
        let mut all = earlier.get("summary")?.as_array()?.iter();
        all.find(|other| {
            other.get("load").and_then(Value::as_str) == Some(row.load)
                && other.get("endpoint").and_then(Value::as_str) == Some(row.endpoint)
        })
    };
    summary
        .iter()
        .filter_map(|row| {
            // What stands in for itself has nothing to tell.
            let now_cpu = row.cpu_us_per_operation?;
            let then = found(row)?;
            let ratio = then.pointer("/to_direct/0")?.as_f64()?;
            let cpu = then.get("cpu_us_per_operation")?.as_f64()?;
            Some(vec![
                row.load.to_owned(),
                row.endpoint.to_owned(),
                shown(Some(ratio), 2),
                shown(Some(row.to_direct[0]), 2),
                change(ratio, row.to_direct[0]),
                shown(Some(cpu), 2),
                shown(Some(now_cpu), 2),
                change(cpu, now_cpu),
            ])
        })
        .collect()
}

/// By how much it grew.
pub(super) fn change(then: f64, now: f64) -> String {
    if then == 0.0 {
        return String::new();
    }
    format!("{:+.1} %", (now / then - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_both_runs_have_is_compared() {
        let row = |load| Row {
            load,
            endpoint: "e",
            per_second: 1.0,
            to_direct: [0.5, 0.4, 0.6],
            to_copy: None,
            p50_us: None,
            p99_us: None,
            added_us: None,
            p99_to_copy: None,
            cpu_us_per_operation: Some(30.0),
            mb_per_second: None,
            mb_per_core_second: None,
        };
        let earlier = json!({ "summary": [
            { "load": "a", "endpoint": "e", "to_direct": [0.4, 0.4, 0.4], "cpu_us_per_operation": 40.0 },
            { "load": "b", "endpoint": "other", "to_direct": [1, 1, 1], "cpu_us_per_operation": 1 },
        ]});
        let rows = rows(&[row("a"), row("b")], &earlier);
        assert_eq!(
            rows,
            [["a", "e", "0.40", "0.50", "+25.0 %", "40.00", "30.00", "-25.0 %"].map(str::to_owned)]
        );
    }
}
