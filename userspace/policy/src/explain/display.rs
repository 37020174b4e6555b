//! An explanation for reading.

use std::fmt;

use super::{ExplainedMask, ExplainedRule, ExplainedSubject, Explanation, Outcome};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let none_if_empty = |words: String| {
            if words.is_empty() {
                "none".to_owned()
            } else {
                words
            }
        };
        write!(f, "{}", self.decision)?;
        if let Some(rule) = &self.rule {
            write!(f, " by {rule}")?;
        }
        if let Some(policy) = &self.policy {
            write!(f, " of policy {policy}")?;
        }
        writeln!(f)?;
        for (name, text) in [("message", &self.message), ("hint", &self.hint)] {
            if let Some(text) = text {
                writeln!(f, "  {name:9} {text}")?;
            }
        }
        writeln!(f, "\nstatement")?;
        writeln!(f, "  kind      {}", self.kind)?;
        writeln!(f, "  effects   {}", none_if_empty(self.effects.join(", ")))?;
        writeln!(f, "  relations {}", none_if_empty(self.relations.join(", ")))?;
        if !self.complete {
            writeln!(f, "  not fully analysed: {}", none_if_empty(self.gaps.join("; ")))?;
        }
        writeln!(
            f,
            "\npolicies for service {} and caller {}",
            self.service, self.identity
        )?;
        for policy in &self.policies {
            let mark = if policy.applies { "applies" } else { "skipped" };
            writeln!(f, "  {mark}   {}: {}", policy.name, policy.why)?;
        }
        if self.policies.is_empty() {
            writeln!(f, "  none: everything passes as it is")?;
        }
        if !self.rules.is_empty() {
            writeln!(f, "\nrules, in the order in which they are tried")?;
        }
        for rule in &self.rules {
            write!(f, "{rule}")?;
        }
        let sections = [
            ("masks that columns of the relations read may get", &self.masks),
            ("looked for in every text", &self.detectors),
        ];
        for (title, masks) in sections.into_iter().filter(|(_, masks)| !masks.is_empty()) {
            writeln!(f, "\n{title}")?;
            for mask in masks {
                write!(f, "{mask}")?;
            }
        }
        if !self.subjects.is_empty() {
            writeln!(f, "\nwhose data is shown, as the record will have it")?;
        }
        for ExplainedSubject {
            policy,
            relation,
            what,
            name,
        } in &self.subjects
        {
            let of = relation.as_ref().map(|relation| format!("; {relation}"));
            writeln!(f, "  {what} -> {name}:sub_… ({policy}{})", of.unwrap_or_default())?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.outcome {
            Outcome::Decides => "decides",
            Outcome::Failed => "failed",
            Outcome::NotMatched => "no",
            Outcome::NotReached => "-",
            Outcome::WhileStreaming => "later",
        };
        writeln!(f, "  {mark:8}  {}/{} -> {}", self.policy, self.name, self.then)?;
        writeln!(
            f,
            "            when {}",
            self.when.split_whitespace().collect::<Vec<_>>().join(" ")
        )?;
        if self.why.is_empty() {
            Ok(())
        } else {
            writeln!(f, "            {}", self.why)
        }
    }
}

impl fmt::Display for ExplainedMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            policy,
            relation,
            what,
            mask,
        } = self;
        write!(f, "  {what} -> {mask} ({policy}")?;
        match relation {
            Some(relation) => writeln!(f, "; {relation})"),
            None => writeln!(f, ")"),
        }
    }
}
