//! Values that statements give: tried on masked columns, or stored in them.

use interdict_record::Micros;
use interdict_sql::Analysis;
use interdict_sql::lineage::{Lineage, Operand};

use super::judge::{Judgement, MASKING};
use super::{Core, RECORDED_PARAMETER, Session};
use crate::catalogue::MaskMap;
use crate::output::Output;

/// The rule's name where a budget is spent.
const PROBES: &str = "interdict:probes";

impl Session {
    /// Looks at the values that statements give for masked columns. What was made by the mask is not stored; the values that are
    /// tried are counted, and a statement that tries too many is refused.
    pub(crate) fn guard_values(
        &self,
        judgements: &mut [Judgement],
        analysis: &Analysis,
        text: &str,
        parameters: &[Option<String>],
        now: Micros,
        out: &mut Output,
    ) {
        if judgements.iter().any(|judgement| judgement.refusal.is_some()) {
            return;
        }
        let Some(map) = self.held_map() else { return };
        let budget = self.effective.probes();
        for (index, judgement) in judgements.iter_mut().enumerate() {
            let Some(lineage) = judgement.carrying.lineage.clone() else {
                continue;
            };
            let own = analysis
                .statements
                .get(index)
                .is_some_and(|statement| matches!(statement.kind, "execute"));
            let parameters = if own { &[] } else { parameters };
            guard_given(judgement, &lineage, parameters, &map);
            if judgement.refusal.is_some() {
                break;
            }
            let mut probes = lineage.probes.as_slice();
            while let Some(first) = probes.first() {
                let count = probes
                    .iter()
                    .take_while(|probe| probe.column == first.column)
                    .count();
                let (same, rest) = probes.split_at(count);
                probes = rest;
                let mut values = Vec::new();
                for probe in same {
                    self.values(&probe.operand, text, parameters, budget.distinct, &mut values);
                }
                let column = map.label(first.column);
                if !self.spend(judgement, &self.database, column, &values, now, out) {
                    break;
                }
            }
        }
    }

    /// The values of an operand, hashed.
    fn values(
        &self,
        operand: &Operand,
        text: &str,
        parameters: &[Option<String>],
        most: u32,
        values: &mut Vec<u64>,
    ) {
        let hash = |value: &str| self.shared.probes.value(value);
        let given = |number: &usize| {
            let index = number.checked_sub(1)?;
            parameters.get(index)
        };
        match operand {
            Operand::Literal(value) => values.push(hash(value)),
            Operand::LiteralArray(list) => values.extend(list.split(',').map(hash)),
            Operand::Parameter(number) => match given(number) {
                Some(Some(value)) => values.push(hash(value)),
                Some(None) => {}
                // Not seen here: whatever it is, it is another with every text.
                None => values.push(hash(text)),
            },
            Operand::ParameterArray(number) => match given(number) {
                Some(Some(list)) => elements(list, most, &hash, values),
                Some(None) => {}
                None => values.push(hash(text)),
            },
        }
    }
}

impl Core {
    /// Counts values that are tried on a masked column; refuses what tries too many.
    pub(crate) fn spend_probes(
        &self,
        judgement: &mut Judgement,
        column: &str,
        values: &[String],
        now: Micros,
        out: &mut Output,
    ) -> bool {
        let values: Vec<u64> = values
            .iter()
            .map(|value| self.shared.probes.value(value))
            .collect();
        self.spend(judgement, "", column, &values, now, out)
    }

    fn spend(
        &self,
        judgement: &mut Judgement,
        database: &str,
        column: &str,
        values: &[u64],
        now: Micros,
        out: &mut Output,
    ) -> bool {
        let label = format!("{}/{database}/{column}", self.context.service);
        let budget = self.effective.probes();
        let caller = &self.context.identity.name;
        if self.shared.probes.spend(caller, &label, values, budget, now) {
            return true;
        }
        judgement.refuse(
            PROBES,
            format!(
                "{caller} has tried {} different values on {column}, as many as the policy allows",
                budget.distinct
            ),
            "values that were tried before may be tried again; an operator can change `probes` in the policy"
                .to_owned(),
        );
        out.records
            .push(self.probe_event(database, column, budget.distinct, now));
        false
    }
}

/// A client that reads rows and writes them back whole would put masks where values were.
fn guard_given(judgement: &mut Judgement, lineage: &Lineage, parameters: &[Option<String>], map: &MaskMap) {
    let made = lineage.given.iter().find(|given| {
        let value = match &given.operand {
            Operand::Literal(text) => Some(text.as_str()),
            Operand::Parameter(number) => number
                .checked_sub(1)
                .and_then(|index| parameters.get(index)?.as_deref()),
            Operand::LiteralArray(_) | Operand::ParameterArray(_) => None,
        };
        let masked = map.masked(given.column);
        masked
            .zip(value)
            .is_some_and(|(masked, value)| masked.mask.made(value))
    });
    if let Some(given) = made {
        judgement.refuse(
            MASKING,
            format!(
                "the statement would store in {} what its mask shows instead of a value",
                map.label(given.column)
            ),
            "write only the columns that change (Django: save(update_fields=[…])), so that what is masked stays as it is"
                .to_owned(),
        );
    }
}

/// The elements of an array parameter as it is kept for the record: text, or binary in hexadecimal.
fn elements(list: &str, most: u32, hash: &impl Fn(&str) -> u64, values: &mut Vec<u64>) {
    if let Some(binary) = list.strip_prefix("\\x") {
        // Dimensions, flags, element type, then the first dimension's length, four bytes each.
        let count = binary
            .get(24..32)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let count = count
            .unwrap_or(u32::from(!binary.is_empty()))
            .min(most.saturating_add(1));
        values.extend((0..count).map(|index| hash(&format!("{binary}#{index}"))));
    } else if list.len() >= RECORDED_PARAMETER {
        // It was cut: too long to be counted.
        values.extend((0..=most).map(|index| hash(&format!("{list}#{index}"))));
    } else {
        values.extend(list.trim_matches(['{', '}']).split(',').map(hash));
    }
}
