//! The forms, as regular expressions. They may find too much: [`verify`](super::verify) has the last word. They must not
//! need more than one pass, as a text may be long and hostile.

use std::sync::LazyLock;

use regex_automata::meta::{Config, Regex};

use super::{
    DetectionError, Detector,
    worded::{self, PATTERNS},
};

/// How a detector's finds look.
pub(super) struct Forms<'a> {
    /// What is likely to be the thing wherever it stands.
    pub(super) clear: Option<&'a str>,
    /// What is the thing only with one of the words nearby, and all too common without: not looked for unless one of the
    /// words is anywhere in the text.
    pub(super) worded: Option<&'a str>,
    /// In lower case.
    pub(super) words: &'static [&'static str],
}

pub(super) const SSN_WORDS: &[&str] = &[
    "ssn", "social", "soc sec", "soc. sec", "ss#", "ss no", "itin", "taxpayer",
];
pub(super) const PHONE_WORDS: &[&str] = &[
    "phone",
    "tel",
    "mobile",
    "cell",
    "call",
    "contact",
    "fax",
    "facsimile",
    "sms",
    "pager",
];
pub(super) const FAX_WORDS: &[&str] = &["fax", "facsimile"];
pub(super) const NPI_WORDS: &[&str] = &["npi", "provider", "prescriber"];
pub(super) const ZIP_WORDS: &[&str] = &["zip", "postal", "postcode"];
/// What [`MRN`] begins with.
const MRN_WORDS: &[&str] = &["mrn", "med", "chart"];

const MRN: &str = r#"(?i:mrn|med(?:ical|\.)?[ _\-]?rec(?:ord|\.)?(?:[ _\-]?(?:number|num|no|id))?|chart[ _\-]?(?:number|num|no|#))\.?["']?[ \t\r\n:#=_\-]{0,4}(?:is )?["']?[A-Za-z]{0,4}-?[0-9][0-9A-Za-z\-]{3,14}"#;
// Everything beyond ASCII counts as a letter: names have accents.
const EMAIL: &str = r"[A-Za-z0-9._%+'\-\x{80}-\x{10FFFF}]+@(?:[A-Za-z0-9\-\x{80}-\x{10FFFF}]+\.)+[A-Za-z\x{80}-\x{10FFFF}]{2,24}";
// Times of day have no third colon.
const IP_ADDRESS: &str = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){3,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})";
const MAC_ADDRESS: &str = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?:(?::[0-9A-Fa-f]{2}){2})?|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}(?:(?:-[0-9A-Fa-f]{2}){2})?|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}";
const URL: &str = r#"(?i:(?:https?|ftps?|wss?)://|www\.)[^\s"'<>\\{}|\x00-\x1F]+"#;

/// Those that are put together.
struct Built {
    credit_card: String,
    date: String,
    mbi: String,
    phone: String,
    phone_worded: String,
    us_ssn: String,
}

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    // Dashes as people and word processors write them; blanks, also ones that do not break.
    let dash = r"[\-\x{2010}-\x{2015}\x{2212}]";
    let blank = r"[ \x{A0}\x{202F}]";
    let apart = r"[ \x{A0}\x{202F}\-\x{2010}-\x{2015}\x{2212}.]";
    let between = r"[ \x{A0}\x{202F}\-\x{2010}-\x{2015}\x{2212}]";
    let month = "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|\
                 sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
    // None that look like a digit.
    let mbi_letter = "[AC-HJKMNP-RT-Y]";
    Built {
        credit_card: format!(
            "[0-9]{{4}}{between}[0-9]{{4}}{between}[0-9]{{4}}{between}[0-9]{{4}}(?:{between}[0-9]{{3}})?\
             |[0-9]{{4}}{between}[0-9]{{6}}{between}[0-9]{{4,5}}|[0-9]{{13,19}}"
        ),
        date: format!(
            "[0-9]{{4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}}|[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.](?:[0-9]{{4}}|[0-9]{{2}})\
             |{month}\\.?{blank}[0-9]{{1,2}}(?:st|nd|rd|th)?,?{blank}[0-9]{{4}}\
             |[0-9]{{1,2}}(?:st|nd|rd|th)?[ -]{month}\\.?,?[ -][0-9]{{4}}"
        ),
        mbi: format!(
            "(?i:[1-9]{mbi_letter}(?:[0-9]|{mbi_letter})[0-9]-?{mbi_letter}(?:[0-9]|{mbi_letter})[0-9]-?\
             {mbi_letter}{{2}}[0-9]{{2}})"
        ),
        phone: format!(
            r"(?:\+?1{apart}?)?(?:\([0-9]{{3}}\){blank}?|[0-9]{{3}}(?:{apart}|/))[0-9]{{3}}{apart}[0-9]{{4}}|\+[0-9]{{1,3}}(?:{apart}?\(?[0-9]{{1,4}}\)?){{2,6}}"
        ),
        phone_worded: format!(
            r"(?:\+?1{apart}?)?(?:\([0-9]{{3}}\){blank}?|[0-9]{{3}}(?:{apart}|/)?)[0-9]{{3}}{apart}?[0-9]{{4}}|\+[0-9]{{1,3}}(?:{apart}?\(?[0-9]{{1,4}}\)?){{2,6}}|[0-9]{{3}}{apart}[0-9]{{4}}"
        ),
        us_ssn: format!(
            "[0-9]{{3}}(?:{blank}?{dash}{blank}?[0-9]{{2}}{blank}?{dash}{blank}?[0-9]{{4}}|{blank}[0-9]{{2}}{blank}[0-9]{{4}})"
        ),
    }
});

/// The forms of a detector.
pub(super) fn forms(detector: Detector) -> Forms<'static> {
    let clear = |clear| Forms {
        clear: Some(clear),
        worded: None,
        words: &[],
    };
    let after_words = |worded, words| Forms {
        clear: None,
        worded: Some(worded),
        words,
    };
    let both = |clear, worded, words| Forms {
        clear: Some(clear),
        worded: Some(worded),
        words,
    };
    match detector {
        Detector::AccountNumber => after_words(PATTERNS.account.as_str(), worded::ACCOUNT_WORDS),
        Detector::CreditCard => clear(BUILT.credit_card.as_str()),
        Detector::Date => clear(&BUILT.date),
        Detector::Dea => clear("[A-Z][A-Z9][0-9]{7}"),
        Detector::DeviceId => both(worded::UDI, &PATTERNS.device, worded::DEVICE_WORDS),
        Detector::Email => clear(EMAIL),
        Detector::Fax => after_words(&BUILT.phone_worded, FAX_WORDS),
        Detector::HealthPlan => after_words(&PATTERNS.health_plan, worded::HEALTH_PLAN_WORDS),
        Detector::Iban => clear("[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}"),
        Detector::IpAddress => clear(IP_ADDRESS),
        Detector::LicenseNumber => after_words(&PATTERNS.license, worded::LICENSE_WORDS),
        Detector::LicensePlate => after_words(&PATTERNS.plate, worded::PLATE_WORDS),
        Detector::MacAddress => clear(MAC_ADDRESS),
        Detector::Mbi => clear(&BUILT.mbi),
        Detector::Mrn => after_words(MRN, MRN_WORDS),
        Detector::Npi => both(r"\A[12][0-9]{9} *\z", "[12][0-9]{9}", NPI_WORDS),
        Detector::Phone => both(&BUILT.phone, &BUILT.phone_worded, PHONE_WORDS),
        Detector::Url => clear(URL),
        Detector::UsSsn => both(
            &BUILT.us_ssn,
            r"[0-9]{3}(?:\.[0-9]{2}\.[0-9]{4}|[0-9]{6})",
            SSN_WORDS,
        ),
        Detector::Vin => clear("[A-HJ-NPR-Za-hj-npr-z0-9]{17}"),
        Detector::Zip => both("[0-9]{5}-[0-9]{4}|[A-Z]{2} [0-9]{5}", "[0-9]{5}", ZIP_WORDS),
    }
}

/// One automaton that finds any of the patterns; `None` for none.
pub(super) fn compile(name: &str, patterns: &[&str]) -> Result<Option<Regex>, DetectionError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let regex = Regex::builder()
        .configure(Config::new().nfa_size_limit(Some(8 << 20)))
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
    Ok(Some(regex))
}

/// An automaton that finds any of the words, in upper or lower case; `None` for none.
pub(super) fn compile_words(words: &[&str]) -> Result<Option<Regex>, DetectionError> {
    let patterns: Vec<_> = words
        .iter()
        .map(|word| format!("(?i-u:{})", word.replace('.', r"\.")))
        .collect();
    compile(
        "the words of all detectors",
        &patterns.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}
