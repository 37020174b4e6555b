//! The report for reading.

use std::fmt;

use super::{Attached, Coverage, Probe, Report, Shortfall};

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kernel,
            programs_built,
            cgroup2_root,
            own_cgroup,
            pin_root,
            bpffs,
            btf,
            lsm,
            bpf_allowed,
            features,
            attached,
            pinned,
            coverage,
            shortfalls,
        } = self;
        let path = |path: &Option<std::path::PathBuf>| {
            path.as_ref()
                .map_or_else(|| "not found".to_owned(), |path| path.display().to_string())
        };
        writeln!(out, "kernel        {kernel}")?;
        writeln!(
            out,
            "programs      {}",
            if *programs_built {
                "in this build"
            } else {
                "not in this build"
            }
        )?;
        writeln!(
            out,
            "bpf()         {}",
            if *bpf_allowed { "permitted" } else { "refused" }
        )?;
        writeln!(out, "cgroup2 root  {}", path(cgroup2_root))?;
        writeln!(out, "own cgroup    {}", path(own_cgroup))?;
        writeln!(
            out,
            "pins          {}{}",
            pin_root.display(),
            if *bpffs { "" } else { " (not on bpffs)" }
        )?;
        writeln!(out, "BTF           {}", yes_no(Some(*btf)))?;
        writeln!(
            out,
            "LSM           {}",
            if lsm.is_empty() {
                "not told".to_owned()
            } else {
                lsm.join(", ")
            }
        )?;
        writeln!(out, "\nfeatures")?;
        for Probe {
            name,
            available,
            purpose,
        } in features
        {
            writeln!(out, "  {:<8} {name} ({purpose})", yes_no(*available))?;
        }
        writeln!(out, "\nattached to cgroups, as the kernel tells")?;
        if attached.is_empty() {
            writeln!(
                out,
                "  nothing{}",
                if *bpf_allowed { "" } else { " that could be seen" }
            )?;
        }
        for Attached {
            link_id,
            program_id,
            name,
            tag,
            attach_type,
            cgroup_id,
            hook,
        } in attached
        {
            let whose = if hook.is_some() { "interdict" } else { "other" };
            writeln!(
                out,
                "  {whose:<10} {name:<16} {attach_type:<26} cgroup {cgroup_id}, link {link_id}, program {program_id}, \
                 tag {tag}"
            )?;
        }
        writeln!(
            out,
            "\nways around, {}",
            if *pinned {
                "by what is attached"
            } else {
                "by what this kernel would take"
            }
        )?;
        for Coverage {
            technique,
            closed_by,
            gap,
        } in coverage
        {
            let by = closed_by.join(", ");
            match gap {
                None => writeln!(out, "  closed  {technique} ({by})")?,
                Some(gap) => {
                    let narrowed = if by.is_empty() {
                        String::new()
                    } else {
                        format!(" (narrowed by {by})")
                    };
                    writeln!(
                        out,
                        "  GAP     {technique}{narrowed}\n    consequence: {}\n    remedy:      {}",
                        gap.consequence, gap.remedy
                    )?;
                }
            }
        }
        if shortfalls.is_empty() {
            return writeln!(out, "\nnothing falls short");
        }
        writeln!(out, "\nfalls short")?;
        for Shortfall {
            what,
            consequence,
            remedy,
        } in shortfalls
        {
            writeln!(
                out,
                "  {what}\n    consequence: {consequence}\n    remedy:      {remedy}"
            )?;
        }
        Ok(())
    }
}

fn yes_no(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}
