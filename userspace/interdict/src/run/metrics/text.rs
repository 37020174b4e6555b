//! Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use interdict_audit::Timing;

/// Samples under their families: the format wants those of one family together.
#[derive(Default)]
pub(super) struct Page {
    families: BTreeMap<&'static str, (&'static str, &'static str, String)>,
}

impl Page {
    pub(super) fn family(&mut self, name: &'static str, kind: &'static str, help: &'static str) {
        self.families.entry(name).or_insert((kind, help, String::new()));
    }

    /// One number. The family must be there.
    pub(super) fn sample(&mut self, family: &'static str, labels: &[(&str, &str)], value: f64) {
        self.line(family, "", labels, value);
    }

    /// A histogram's numbers.
    pub(super) fn timing(&mut self, family: &'static str, labels: &[(&str, &str)], timing: &Timing) {
        let (count, sum) = timing.total();
        let bounds = timing.buckets().map(|(bound, count)| (bound.to_string(), count));
        for (bound, count) in bounds.chain([("+Inf".to_owned(), count)]) {
            let mut with: Vec<(&str, &str)> = labels.to_vec();
            with.push(("le", &bound));
            self.line(family, "_bucket", &with, count as f64);
        }
        self.line(family, "_sum", labels, sum);
        self.line(family, "_count", labels, count as f64);
    }

    fn line(&mut self, family: &'static str, end: &str, labels: &[(&str, &str)], value: f64) {
        let Some((_, _, out)) = self.families.get_mut(family) else {
            debug_assert!(false, "{family} has no help");
            return;
        };
        out.push_str(family);
        out.push_str(end);
        for (index, (name, value)) in labels.iter().enumerate() {
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(out, "{}{name}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }

    pub(super) fn finish(self) -> String {
        let mut page = String::new();
        for (name, (kind, help, samples)) in self.families {
            let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}");
        }
        page
    }
}
