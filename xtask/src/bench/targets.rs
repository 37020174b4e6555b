//! What interdict is meant to reach, beside what it did.

use serde::Serialize;

use super::endpoint::Role;
use super::kernel::Case;
use super::load::{
    CONNECT, COPY, HTTPS_1K, HTTPS_64K, LARGE, MYSQL, MYSQL_LARGE, PINNED, PREPARED_8, PREPARED_32, SIMPLE_8,
    SIMPLE_32,
};
use super::report::{Report, Row, shown, table};

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Target {
    pub(super) what: String,
    /// At least or at most this.
    at_least: bool,
    bound: f64,
    pub(super) unit: &'static str,
    /// None: not measured in this run, or not measurable, as `aside` says.
    pub(super) figure: Option<f64>,
    aside: String,
}

impl Target {
    /// Whether it is reached; none if it was not measured.
    pub(super) fn met(&self) -> Option<bool> {
        let figure = self.figure?;
        Some(if self.at_least {
            figure >= self.bound
        } else {
            figure <= self.bound
        })
    }

    fn digits(&self) -> usize {
        if self.bound < 10.0 { 2 } else { 0 }
    }
}

/// Collects them.
struct Judge<'a> {
    report: &'a Report,
    targets: Vec<Target>,
}

impl Judge<'_> {
    fn add(&mut self, what: String, at_least: bool, bound: f64, unit: &'static str, figure: Option<f64>) {
        self.targets.push(Target {
            what,
            at_least,
            bound,
            unit,
            figure,
            aside: String::new(),
        });
    }

    /// What is to be said of the one that was added last.
    fn aside(&mut self, text: String) {
        if let Some(last) = self.targets.last_mut() {
            last.aside = text;
        }
    }

    fn row(&self, load: &str, role: Role) -> Option<&Row> {
        self.report.row(load, role)
    }

    /// CPU time for each operation, as a part of another endpoint's.
    fn cpu(&self, load: &str, role: Role, base: Role) -> Option<f64> {
        let of = |role| self.row(load, role)?.cpu_us_per_operation;
        Some(of(role)? / of(base)?)
    }

    /// Speed as a part of another endpoint's, by the middles of what is to the direct connection.
    fn speed(&self, load: &str, role: Role, base: Role) -> Option<f64> {
        let of = |role| Some(self.row(load, role)?.to_direct[0]);
        Some(of(role)? / of(base)?)
    }

    /// Says after the target added last what the least that is durable, a copying proxy that syncs, comes to.
    fn beside_synced(&mut self, synced: Option<f64>) {
        if let Some(synced) = synced {
            self.aside(format!("copying with a sync {synced:.2}"));
        }
    }

    fn to_copy(&self, load: &str, role: Role) -> Option<f64> {
        Some(self.row(load, role)?.to_copy?[0])
    }
}

/// All of them, with everything on where nothing else is said.
pub(super) fn judge(report: &Report) -> Vec<Target> {
    let mut judge = Judge {
        report,
        targets: Vec::new(),
    };
    postgres(&mut judge);
    large(&mut judge);
    record(&mut judge);
    others(&mut judge);
    memory(&mut judge);
    kernel(&mut judge);
    judge.targets
}

fn kernel(judge: &mut Judge<'_>) {
    let p10 = |case: Case| {
        let found = judge.report.kernel.iter().find(|one| one.case == case);
        found.map(|one| one.p10_us)
    };
    let ratio = |case, to| Some(p10(case)? / p10(to)?);
    let outside = ratio(Case::Outside, Case::Nothing);
    let elsewhere = ratio(Case::Elsewhere, Case::Nothing);
    let redirected = ratio(Case::Redirected, Case::Nftables);
    judge.add(
        "connect to what is not protected".into(),
        false,
        1.05,
        "× no program",
        outside,
    );
    if let Some(elsewhere) = elsewhere {
        judge.aside(format!("from an enrolled process {elsewhere:.2}"));
    }
    judge.add("redirect".into(), false, 1.0, "× nftables REDIRECT", redirected);
}

fn postgres(judge: &mut Judge<'_>) {
    for load in [SIMPLE_8, PREPARED_8] {
        let figure = judge.cpu(load, Role::Masks, Role::Copy);
        judge.add(format!("{load}: CPU"), false, 1.25, "× copy", figure);
        judge.beside_synced(judge.cpu(load, Role::CopySync, Role::Copy));
    }
    let added = judge.row(PINNED, Role::MasksBatch).and_then(|row| row.added_us);
    let strict = judge.row(PINNED, Role::Masks).and_then(|row| row.added_us);
    let copy = judge.row(PINNED, Role::Copy).and_then(|row| row.added_us);
    let synced = judge.row(PINNED, Role::CopySync).and_then(|row| row.added_us);
    let sync = judge.report.machine.sync_us;
    judge.add(format!("{PINNED}: added p50"), false, 35.0, "µs", added);
    if added.is_some() {
        judge.aside(format!(
            "batch; copy {}; strict {}, where copying with a sync is {} and a sync alone {sync:.0}",
            shown(copy, 0),
            shown(strict, 0),
            shown(synced, 0)
        ));
    }
    for load in [SIMPLE_8, SIMPLE_32, PREPARED_8, PREPARED_32] {
        let figure = judge.to_copy(load, Role::Masks);
        judge.add(format!("{load}: speed"), true, 0.95, "× copy", figure);
        judge.beside_synced(judge.to_copy(load, Role::CopySync));
    }
    for load in [SIMPLE_32, PREPARED_32] {
        let figure = judge.row(load, Role::Masks).and_then(|row| row.p99_to_copy);
        judge.add(format!("{load}: p99"), false, 1.2, "× copy", figure);
        let synced = judge.row(load, Role::CopySync).and_then(|row| row.p99_to_copy);
        judge.beside_synced(synced);
    }
    let figure = judge.cpu(CONNECT, Role::Masks, Role::Copy);
    judge.add(format!("{CONNECT}: CPU"), false, 1.5, "× copy", figure);
    judge.beside_synced(judge.cpu(CONNECT, Role::CopySync, Role::Copy));
    let figure = judge.row(CONNECT, Role::Inject).map(|row| row.to_direct[0]);
    judge.add(format!("{CONNECT}, inject: speed"), true, 2.0, "× direct", figure);
}

fn large(judge: &mut Judge<'_>) {
    let of = |judge: &Judge<'_>, load: &str, role: Role, figure: fn(&Row) -> Option<f64>| {
        judge.row(load, role).and_then(figure)
    };
    let figure = of(judge, LARGE, Role::Masks, |row| Some(row.to_direct[0]));
    judge.add(
        format!("{LARGE}, 2 of 6 columns masked: speed"),
        true,
        0.90,
        "× direct",
        figure,
    );
    let figure = of(judge, LARGE, Role::Masks, |row| row.mb_per_core_second);
    judge.add(
        format!("{LARGE}, 2 of 6 columns masked"),
        true,
        600.0,
        "MB/s a core",
        figure,
    );
    let figure = of(judge, COPY, Role::Masks, |row| Some(row.to_direct[0]));
    judge.add(format!("{COPY}, masked: speed"), true, 0.85, "× direct", figure);
    let figure = of(judge, LARGE, Role::Detectors, |row| row.mb_per_core_second);
    judge.add(
        format!("{LARGE}, detectors on every text"),
        true,
        250.0,
        "MB/s a core",
        figure,
    );
}

fn record(judge: &mut Judge<'_>) {
    let batch = judge
        .report
        .record
        .iter()
        .find(|cost| cost.durability == "batch" && cost.frames == "none")
        .cloned();
    let figure = batch.as_ref().map(|cost| cost.cpu_us);
    judge.add("the record: CPU a statement".into(), false, 3.0, "µs", figure);
    let figure = batch.as_ref().map(|cost| cost.statement_bytes);
    judge.add(
        "the record: on disk a statement".into(),
        false,
        30.0,
        "bytes",
        figure,
    );
    // Of the cores' time, which is what a saturated machine is short of.
    let share = batch
        .as_ref()
        .map(|cost| cost.cpu_us / cost.daemon_cpu_us * 100.0);
    judge.add("the record: speed".into(), true, 0.97, "× without", None);
    if let Some(share) = share {
        judge.aside(format!(
            "it can't be switched off; its threads use {share:.0} % of the daemon's CPU time"
        ));
    }
}

fn others(judge: &mut Judge<'_>) {
    for load in MYSQL {
        let figure = judge.to_copy(load, Role::Masks);
        judge.add(format!("{load}: speed"), true, 0.90, "× copy", figure);
        judge.beside_synced(judge.to_copy(load, Role::CopySync));
        let figure = judge.speed(load, Role::Masks, Role::Haproxy);
        judge.add(format!("{load}: speed"), true, 1.0, "× haproxy", figure);
        judge.beside_synced(judge.speed(load, Role::CopySync, Role::Haproxy));
    }
    let figure = judge
        .row(MYSQL_LARGE, Role::Masks)
        .and_then(|row| row.mb_per_core_second);
    judge.add(
        format!("{MYSQL_LARGE}, masked"),
        true,
        400.0,
        "MB/s a core",
        figure,
    );
    let figure = judge.to_copy(HTTPS_1K, Role::Masks);
    judge.add(format!("{HTTPS_1K}, masked: speed"), true, 0.85, "× copy", figure);
    judge.beside_synced(judge.to_copy(HTTPS_1K, Role::CopySync));
    let figure = judge.speed(HTTPS_1K, Role::Masks, Role::Nginx);
    judge.add(format!("{HTTPS_1K}, masked: speed"), true, 1.0, "× nginx", figure);
    judge.beside_synced(judge.speed(HTTPS_1K, Role::CopySync, Role::Nginx));
    let figure = judge
        .row(HTTPS_64K, Role::Masks)
        .and_then(|row| row.cpu_us_per_operation);
    judge.add(format!("{HTTPS_64K}, masked: CPU"), false, 250.0, "µs", figure);
    let copy = judge
        .row(HTTPS_64K, Role::Copy)
        .and_then(|row| row.cpu_us_per_operation);
    if copy.is_some() {
        judge.aside(format!("copy {}", shown(copy, 0)));
    }
}

fn memory(judge: &mut Judge<'_>) {
    let masks = judge
        .report
        .memory
        .iter()
        .find(|memory| memory.is_of(Role::Masks))
        .cloned();
    let figure = masks.as_ref().map(|memory| memory.idle_kib as f64 / 1024.0);
    judge.add("memory, idle".into(), false, 10.0, "MiB", figure);
    let figure = masks.as_ref().map(|memory| memory.connection_kib);
    judge.add("memory, an idle connection".into(), false, 24.0, "KiB", figure);
    let huge = masks.and_then(|memory| memory.huge);
    let figure = huge.as_ref().map(|huge| huge.grown_kib as f64 / 1024.0);
    // Flat: no more than buffers of a connection or two.
    judge.add(
        "memory, growth in a huge result".into(),
        false,
        4.0,
        "MiB",
        figure,
    );
    if let Some(huge) = huge {
        judge.aside(format!("{:.1} GB", huge.bytes as f64 / 1e9));
    }
}

/// The table.
pub(super) fn text(targets: &[Target]) -> String {
    let rows: Vec<Vec<String>> = targets
        .iter()
        .map(|target| {
            let digits = target.digits();
            let sign = if target.at_least { "≥" } else { "≤" };
            vec![
                target.what.clone(),
                format!("{sign} {:.digits$} {}", target.bound, target.unit),
                shown(target.figure, digits),
                match target.met() {
                    Some(true) => "met",
                    Some(false) => "short of target",
                    None => "not measured",
                }
                .to_owned(),
                target.aside.clone(),
            ]
        })
        .collect();
    let met = targets.iter().filter(|target| target.met() == Some(true)).count();
    let measured = targets.iter().filter(|target| target.met().is_some()).count();
    format!(
        "\nTargets (interdict with rules, strict audit and masks, where nothing else is said)\n\n{}\n{met} of {measured} met that were measured.\n",
        table(5, ["what", "target", "here", "", ""], &rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(at_least: bool, bound: f64, figure: Option<f64>) -> Target {
        Target {
            what: "w".into(),
            at_least,
            bound,
            unit: "u",
            figure,
            aside: String::new(),
        }
    }

    #[test]
    fn what_is_missed_says_so() {
        let all = [
            target(true, 0.95, Some(0.96)),
            target(true, 0.95, Some(0.94)),
            target(false, 35.0, Some(36.0)),
            target(false, 35.0, None),
        ];
        assert_eq!(
            all.each_ref().map(Target::met),
            [Some(true), Some(false), Some(false), None]
        );
        let text = text(&all);
        assert_eq!(text.matches("short of target").count(), 2, "{text}");
        assert!(
            text.contains("not measured") && text.contains("1 of 3 met"),
            "{text}"
        );
    }
}
