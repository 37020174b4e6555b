//! The forms, as regular expressions. They may find too much: [`verify`](super::verify) has the last word. They must not
//! run on without a bound, as a text may be long and hostile.

use std::sync::LazyLock;

use regex_automata::{
    meta::{Config, Regex},
    util::syntax,
};

use super::{DetectionError, Detector};

/// Dashes as people and word processors write them.
const DASH: &str = r"[\-\x{2010}-\x{2015}\x{2212}]";
/// A blank, also one that does not break.
const BLANK: &str = r"[ \x{A0}\x{202F}]";
const MONTH: &str = "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|\
     sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
/// The letters of a Medicare beneficiary identifier: none that look like a digit.
const MBI: &str = "[AC-HJKMNP-RT-Y]";

struct Forms {
    credit_card: String,
    date: String,
    mbi: String,
    phone: String,
    us_ssn: String,
}

static FORMS: LazyLock<Forms> = LazyLock::new(|| {
    let between = format!("(?:{DASH}|{BLANK})");
    let apart = format!(r"(?:{DASH}|{BLANK}|\.)");
    Forms {
        credit_card: format!(
            "[0-9]{{4}}{between}[0-9]{{4}}{between}[0-9]{{4}}{between}[0-9]{{4}}(?:{between}[0-9]{{3}})?\
             |[0-9]{{4}}{between}[0-9]{{6}}{between}[0-9]{{4,5}}|[0-9]{{13,19}}"
        ),
        date: format!(
            r"[0-9]{{4}}[\-/.][0-9]{{1,2}}[\-/.][0-9]{{1,2}}|[0-9]{{1,2}}[\-/.][0-9]{{1,2}}[\-/.](?:[0-9]{{4}}|[0-9]{{2}})|{MONTH}\.?{BLANK}[0-9]{{1,2}}(?:st|nd|rd|th)?,?{BLANK}[0-9]{{4}}|[0-9]{{1,2}}(?:st|nd|rd|th)?[ \-]{MONTH}\.?,?[ \-][0-9]{{4}}"
        ),
        mbi: format!("(?i:[1-9]{MBI}(?:[0-9]|{MBI})[0-9]-?{MBI}(?:[0-9]|{MBI})[0-9]-?{MBI}{{2}}[0-9]{{2}})"),
        phone: format!(
            r"(?:\+?1{apart}?)?(?:\([0-9]{{3}}\){BLANK}?|[0-9]{{3}}(?:{apart}|/)?)[0-9]{{3}}{apart}?[0-9]{{4}}|\+[0-9]{{1,3}}(?:{apart}?\(?[0-9]{{1,4}}\)?){{2,6}}|[0-9]{{3}}{apart}[0-9]{{4}}"
        ),
        us_ssn: format!(
            r"[0-9]{{3}}(?:{BLANK}?{DASH}{BLANK}?[0-9]{{2}}{BLANK}?{DASH}{BLANK}?[0-9]{{4}}|{BLANK}[0-9]{{2}}{BLANK}[0-9]{{4}}|\.[0-9]{{2}}\.[0-9]{{4}}|[0-9]{{6}})"
        ),
    }
});

/// The regular expression of a detector.
pub(super) fn pattern(detector: Detector) -> &'static str {
    match detector {
        Detector::CreditCard => &FORMS.credit_card,
        Detector::Date => &FORMS.date,
        Detector::Dea => "[A-Z][A-Z9][0-9]{7}",
        // Everything beyond ASCII counts as a letter: names have accents.
        Detector::Email => {
            r"[A-Za-z0-9._%+'\-\x{80}-\x{10FFFF}]+@(?:[A-Za-z0-9\-\x{80}-\x{10FFFF}]+\.)+[A-Za-z\x{80}-\x{10FFFF}]{2,24}"
        }
        Detector::Fax | Detector::Phone => &FORMS.phone,
        Detector::Iban => "[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}",
        Detector::IpAddress => {
            r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})"
        }
        Detector::MacAddress => {
            r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?:(?::[0-9A-Fa-f]{2}){2})?|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}(?:(?:-[0-9A-Fa-f]{2}){2})?|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
        }
        Detector::Mbi => &FORMS.mbi,
        Detector::Mrn => {
            r#"(?i:mrn|med(?:ical|\.)?[ _\-]?rec(?:ord|\.)?(?:[ _\-]?(?:number|num|no|id))?|chart[ _\-]?(?:number|num|no|#))\.?["']?[ \t\r\n:#=_\-]{0,4}(?:is )?["']?[A-Za-z]{0,4}-?[0-9][0-9A-Za-z\-]{3,14}"#
        }
        Detector::Npi => "[0-9]{10}",
        Detector::Url => r#"(?i:(?:https?|ftps?|wss?)://|www\.)[^\s"'<>\\{}|\x00-\x1F]+"#,
        Detector::UsSsn => &FORMS.us_ssn,
        Detector::Vin => "[A-HJ-NPR-Za-hj-npr-z0-9]{17}",
        Detector::Zip => "[0-9]{5}(?:-[0-9]{4})?",
    }
}

/// Compiles one or several patterns to one automaton.
pub(super) fn compile(name: &str, patterns: &[&str]) -> Result<Regex, DetectionError> {
    let regex = Regex::builder()
        .configure(Config::new().nfa_size_limit(Some(8 << 20)))
        .syntax(syntax::Config::new())
        .build_many(patterns)
        .map_err(|error| DetectionError::Pattern {
            name: name.to_owned(),
            reason: error
                .syntax_error()
                .map_or_else(|| error.to_string(), ToString::to_string),
        })?;
    // An empty match would be a hit between any two bytes.
    if regex.is_match("") {
        return Err(DetectionError::Empty {
            name: name.to_owned(),
        });
    }
    Ok(regex)
}
