//! A small clinic. Nobody in it exists.

/// The database, and what the agent logs in as.
pub(super) const DATABASE: &str = "clinic";
pub(super) const AGENT: &str = "agent";
pub(super) const PASSWORD: &str = "demo";

/// Some of what must not be seen, to look for in what was shown.
pub(super) const SECRETS: &[&str] = &[
    "318-24-6071",
    "402-51-8830",
    "527-36-1942",
    "611-09-4475",
    "ida.lindqvist@example.org",
    "omar.haddad@example.org",
];

/// Who must be there whatever is masked.
pub(super) const NAMES: &[&str] = &["Ida Lindqvist", "Omar Haddad", "Mei Tanaka", "Jonas Weber"];

/// What the demo asks, twice: the same bytes, directly and through interdict.
pub(super) const QUESTION: &str = "SELECT id, name, ssn, email, dob, notes FROM patients ORDER BY id";

/// What no agent should do.
pub(super) const DESTRUCTION: &str = "DROP TABLE payments";

/// Tables and rows, in words that every server understands.
pub(super) const TABLES: &str = "
CREATE TABLE patients (
  id int PRIMARY KEY, name text NOT NULL, ssn text, mrn text, email text, phone text, dob date, notes text);
CREATE TABLE staff (id int PRIMARY KEY, name text NOT NULL, role text NOT NULL);
CREATE TABLE visits (
  id int PRIMARY KEY, patient int NOT NULL REFERENCES patients (id), staff int NOT NULL REFERENCES staff (id),
  visited date NOT NULL, reason text);
CREATE TABLE payments (
  id int PRIMARY KEY, visit int NOT NULL REFERENCES visits (id), card_number text, amount numeric(8, 2) NOT NULL);

INSERT INTO patients VALUES
 (1, 'Ida Lindqvist', '318-24-6071', 'MRN-0048213', 'ida.lindqvist@example.org', '+1 202 555 0143', '1958-03-14', 'diabetes, type 2'),
 (2, 'Omar Haddad',   '402-51-8830', 'MRN-0051877', 'omar.haddad@example.org',   '+1 202 555 0178', '1984-11-02', 'SSN 402-51-8830 checked'),
 (3, 'Mei Tanaka',    '527-36-1942', 'MRN-0060325', 'mei.tanaka@example.org',    '+1 202 555 0112', '1991-07-29', NULL),
 (4, 'Jonas Weber',   '611-09-4475', 'MRN-0063390', 'jonas.weber@example.org',   '+1 202 555 0190', '1972-01-08', 'allergic to penicillin');
INSERT INTO staff VALUES (1, 'Dr. Ana Ferreira', 'physician'), (2, 'Sam Okoro', 'nurse');
INSERT INTO visits VALUES
 (1, 1, 1, '2026-05-04', 'control'), (2, 2, 1, '2026-05-11', 'back pain'), (3, 3, 2, '2026-05-19', 'vaccination');
INSERT INTO payments VALUES (1, 1, '4111 1111 1111 1111', 80.00), (2, 2, '5555 5555 5555 4444', 120.50);";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_there() {
        assert!(SECRETS.iter().chain(NAMES).all(|text| TABLES.contains(text)));
    }
}
