//! Per detector: the texts where it finds something, with what, and those where it must not.

use super::*;

/// In each text, what is in `<>` is the hit; without any, nothing may be found.
fn check(detector: Detector, texts: &[&str]) {
    let detection = one(detector);
    for marked in texts {
        let text = marked.replace(['<', '>'], "");
        let hits = detection.find(text.as_bytes());
        let mut found = text.clone();
        for hit in hits.iter().rev() {
            found.insert(hit.range.end, '>');
            found.insert(hit.range.start, '<');
        }
        assert_eq!(&found, marked, "{detector}");
        // With the others, no less is covered.
        for hit in &hits {
            let covered = ALL
                .find(text.as_bytes())
                .iter()
                .any(|other| other.range.start <= hit.range.start && hit.range.end <= other.range.end);
            assert!(covered, "{detector} in {marked} is lost among the others");
        }
    }
}

#[test]
fn us_ssn() {
    check(
        Detector::UsSsn,
        &[
            "<852-41-7396>",
            "Guarantor SSN <852-41-7396> verified at intake.",
            "SSN<852-41-7396>",
            "x<852-41-7396>y",
            "<852-41-7396>-<873-52-9164>",
            "<852–41–7396> as word processors write it",
            "<852 - 41 - 7396>",
            "<852 41 7396>",
            "SSN <852.41.7396>",
            "SSN: <852417396>",
            "SSN<852417396>",
            "ssn of the guarantor is <852417396>",
            "{\"ssn\":<852417396>}",
            "{\"patientSsn\": \"<852417396>\"}",
            "<852417396> (SSN)",
            "social security number <852417396>",
            "ITIN <912-70-1234>",
            // Numbers of nine digits that are something else.
            "123456789",
            "specimen 123456789",
            "SSN 000-12-3456",
            "SSN 666-12-3456",
            "852-00-7396",
            "852-41-0000",
            "912-10-1234",
            "SSN <852-41-7396>, specimen 123456789",
            "SSN <852-41-7396> specimen 123456789",
            "{\"ssn\": null, \"specimen\": 123456789}",
            "passn 123456789",
            "1852-41-7396",
            "852-41-73961",
            "852.41.7396",
            "100 852 41 7396",
            "852 41 7396 12",
            "12345678-1234-1234-1234-123456789012",
            "2024-01-02 03:04:05",
            "CLM-2024-000123",
            "94107-1234",
        ],
    );
}

#[test]
fn phone_and_fax() {
    check(
        Detector::Phone,
        &[
            "<(907) 555-0162>",
            "<(907)555-0162>",
            "call <907-555-0162>.",
            "<907.555.0162>",
            "<+1 907 555 0162>",
            "<1-907-555-0162> ext. 12",
            "<907 555-0162>",
            "<907-555-0162>-<618-555-0133>",
            "phone: <9075550162>",
            "{\"homePhone\": \"<9075550162>\"}",
            "tel <907 555 0162>",
            "cell <555-0162>",
            "<+44 20 7946 0958>",
            "<+49 (30) 1234567>",
            "9075550162",
            "555-0162",
            "907 555 0162",
            "107-555-0162",
            "907-155-0162",
            "4111111111",
            "2024-01-02 03:04:05",
            "10.0.0.1",
            "3.14159265358",
            "1000000000000",
            "12345678-1234-1234-1234-123456789012",
            "specimen 123456789",
            "99213",
        ],
    );
    check(
        Detector::Fax,
        &[
            "fax <(907) 555-0162>",
            "Fax: <9075550162>",
            "phone (907) 555-0162",
            "(907) 555-0162",
        ],
    );
}

#[test]
fn email() {
    check(
        Detector::Email,
        &[
            "<zq.haverstock@example.org>",
            "mail '<zq@mail.example.org>', please.",
            "<zoë+x@example.co.uk>",
            "<a@bücher.example>",
            "mailto:<a@example.org>?x",
            "a@b",
            "@example.org",
            "a @ example.org",
            "x@1.2",
        ],
    );
}

#[test]
fn credit_card() {
    check(
        Detector::CreditCard,
        &[
            "<4111111111111111>",
            "<4000 0000 0000 0002>",
            "card <5555-5555-5555-4444>, exp 12/29",
            "<378282246310005>",
            "<3782 822463 10005>",
            "<6011111111111117>",
            "<4111 1111 1111 1111> 123 Main St",
            "4111111111111112",
            "1700000000000000",
            "0.4111111111111111",
            "4111111111.111111",
            "a4111111111111111f",
            "123456789012",
            "9999999999999995",
            "4111 111111111111",
        ],
    );
}

#[test]
fn mrn() {
    check(
        Detector::Mrn,
        &[
            "MRN-<74190263>",
            "mrn: <74190263>",
            "MRN #<AB-12345>",
            "{\"mrn\":\"<74190263>\"}",
            "{\"medical_record_number\": <74190263>}",
            "Medical Record No. <74190263>",
            "chart number <551122>",
            "MRN<74190263>",
            "CLM-2024-000123",
            "MRN pending",
            "mrn 123",
            "kmrn 74190263",
            "74190263",
        ],
    );
}

#[test]
fn date() {
    check(
        Detector::Date,
        &[
            "born <1951-03-29>",
            "<1951-03-29>T10:00:00Z",
            "<03/29/1951>",
            "<29.3.1951>",
            "<3/29/51>",
            "<March 29, 1951>",
            "<29 Mar 1951>",
            "<1st of>".replace(['<', '>'], "").as_str(),
            "1951-13-29",
            "1951-03/29",
            "10.0.0.1",
            "1.2.3",
            "CLM-2024-000123",
            "12345678-1234-1234-1234-123456789012",
            "3-29-51",
            "99-99-9999",
        ],
    );
}

#[test]
fn addresses_of_machines() {
    check(
        Detector::Url,
        &[
            "see <https://example.org/p/7?x=1>.",
            "(<http://example.org>)",
            "<www.example.org/a>",
            "\"<ftp://example.org/x>\"",
            "awww.example",
            "http:// nothing",
            "a://b",
        ],
    );
    check(
        Detector::IpAddress,
        &[
            "<192.168.0.17>",
            "from <192.168.001.017>:5432",
            "[<2001:db8::17>]",
            "<2001:db8:0:0:0:0:0:17>",
            "<fe80::1:2%eth0>".replace("%eth0>", ">%eth0").as_str(),
            "256.1.1.1",
            "1.2.3.4.5",
            "v1.2.3.4",
            "12:30:45",
            "a::b",
            "x::date",
            "std::vec",
            "15.18",
        ],
    );
    check(
        Detector::MacAddress,
        &[
            "<08:00:2b:01:02:03>",
            "<08-00-2B-01-02-03>",
            "<0800.2b01.0203>",
            "<08:00:2b:ff:fe:01:02:03>",
            "08:00:2b:01:02",
            "08:00:2b:01:02:03:04",
            "24-01-02-03-04-05",
            "1234.5678.9012",
        ],
    );
}

#[test]
fn numbers_with_checks() {
    check(
        Detector::Npi,
        &[
            "<1234567893>",
            "<1234567893>   ",
            "NPI <1234567893>",
            "{\"provider\": \"<1234567893>\"}",
            "order 1234567893",
            "NPI 1234567890",
            "1700000000",
        ],
    );
    check(
        Detector::Dea,
        &[
            "<AB1234563>",
            "DEA: <F91234563>",
            "AB1234567",
            "XAB1234563",
            "ab1234563",
            "IB1234563",
        ],
    );
    check(
        Detector::Mbi,
        &[
            "<1EG4-TE5-MK73>",
            "<1EG4TE5MK73>",
            "<1eg4te5mk73>",
            "0EG4TE5MK73",
            "1SG4TE5MK73",
            "1EG4TE5MK734",
        ],
    );
    check(
        Detector::Vin,
        &[
            "<1M8GDM9AXKP042788>",
            "VIN <1m8gdm9axkp042788>",
            "1M8GDM9A1KP042788",
            "11111111111111111",
            "1m8gdm9axkp042788",
            "1M8GDM9AXKP0427881",
        ],
    );
    check(
        Detector::Iban,
        &[
            "<DE89370400440532013000>",
            "<DE89 3704 0044 0532 0130 00>",
            "to <GB82 WEST 1234 5698 7654 32> AND BACK",
            "DE89370400440532013001",
            "DE8937040044053201300",
            "XX89370400440532013000",
        ],
    );
    check(
        Detector::Zip,
        &[
            "<94107-1234>",
            "San Francisco, CA <94107>",
            "CA <94107>",
            "zip: <94107>",
            "{\"zip_code\": \"<94107>\"}",
            "94107",
            "CPT 99213",
            "IN 12345 cases".replace("IN", "all IN").as_str(),
            "123-94107-1234",
        ],
    );
}

#[test]
fn health_plan() {
    check(
        Detector::HealthPlan,
        &[
            "Member ID: <XEH12345678>",
            "member id <W123456789>",
            "Member # <W123456789>",
            "{\"memberId\":\"<W1234-56789-01>\"}",
            "{\"patientMemberNumber\": \"<W123456789>\"}",
            "subscriber_id=<0047118320>",
            "Policy No. <BCBS-4471182>, group 12",
            "policyholder number: <4471182>",
            "Insurance card number <98-4471182>",
            "Medicaid: <12345678A>",
            "medicare no <123456789A>",
            "Beneficiary ID-<4471182>",
            "member id is <447118200000000000000000001> since then",
            "HICN: <123456789A>",
            "Member since 2019-04-02",
            "member id pending 2024",
            "policy number 4.12 of 2024",
            "Policy: 2024-00017",
            "per policy no 12",
            "Medicare: 2024-01-02",
            "medicare no 01-02-2024",
            "a family member, 123456789",
            "specimen 123456789",
            "CLM-2024-000123",
            "visit 2024-01-02 10:11:12",
            "nonmember id 4471182",
            "remember no 4471182",
        ],
    );
}

#[test]
fn account_number() {
    check(
        Detector::AccountNumber,
        &[
            "Account number: <0047-11832>",
            "acct # <4711832>",
            "Acct#<4711832>",
            "Acct. no. <4711832>",
            "account: <4711832>",
            "{\"accountNumber\": \"<4711832>\"}",
            "{\"patient_account\": <4711832>}",
            "guarantor account no <AB-4711832>; due",
            "a/c no. <4711832>",
            "account 4711832",
            "on account of 12345 visits",
            "account: 2024-01-02",
            "account no. 1/2/2024",
            "account no longer 12345",
            "accounted: 4711832",
            "discount: 4711832",
            "specimen 123456789",
            "CLM-2024-000123",
            "visit 2024-01-02 10:11:12",
        ],
    );
}

#[test]
fn licenses_and_plates() {
    check(
        Detector::LicenseNumber,
        &[
            "Driver's license no. <D1234567>",
            "drivers licence number: <MORG657054SM9IJ>",
            "DL# <D1234567>",
            "DL no <D1234567>",
            "Medical license: <MD-012345>",
            "RN License #<RN123456>",
            "{\"licenseNumber\":\"<A1234567>\"}",
            "Birth certificate no. <105-47-118320>",
            "certificate # <47118>",
            "licensed: 4711832",
            "license pending 12345",
            "license: 2024-01-02",
            "Hb 13 g/dl #12345",
            "LDL no. 12345",
            "ldl number 12345",
            "license plate ABC-1234",
            "a certificate of 12345 hours",
            "specimen 123456789",
            "CLM-2024-000123",
            "visit 2024-01-02 10:11:12",
        ],
    );
    check(
        Detector::LicensePlate,
        &[
            "License plate <ABC-1234>",
            "licence plate: <AB12 CDE>",
            "license plate is <7ABC123>.",
            "{\"licensePlate\": \"<7ABC123>\"}",
            "registration plate no. <BMW 1234>",
            "Plate number: <7ABC123>",
            "vehicle plate <123456>",
            "License plate holder 1234",
            "locking plate 4.5 mm, 7 holes",
            "plate 12",
            "agar plate no. 12",
            "plate no. 2024-01-02",
            "license plate CLM-2024-000123",
            "plate number TWO",
            "template number 7ABC123",
            "specimen 123456789",
            "CLM-2024-000123",
            "visit 2024-01-02 10:11:12",
        ],
    );
}

#[test]
fn device_id() {
    check(
        Detector::DeviceId,
        &[
            "<(01)00844588003288(17)141120(10)7654321D(21)10987654d321>",
            "UDI <(01)00844588003288>",
            "<(01) 00844588003288 (21) SN-47118>",
            "Serial number: <A12345-67>",
            "serial no. <471183>",
            "serial # <PX471183>",
            "S/N: <471183>",
            "SN: <BX471183>",
            "{\"deviceId\": \"<DEV-4711832>\"}",
            "{\"serialNumber\":\"<4711832>\"}",
            "{\"sn\":\"<4711832>\"}",
            "IMEI <490154203237518>",
            "imei: <49-015420-323751-8>",
            "<490154203237518> (IMEI)",
            "(01)00844588003289(21)47118",
            "(01)0084458800328",
            "(02)00844588003288",
            "490154203237518",
            "IMEI 490154203237519",
            "IMEI 4901542032375180",
            "serial troponins 0.01, 0.02, 12345",
            "serial 12-lead ECGs on 2024-01-02",
            "serial: 2024-01-02",
            "device no. 3",
            "assn: 4711832",
            "specimen 123456789",
            "CLM-2024-000123",
            "visit 2024-01-02 10:11:12",
        ],
    );
}

/// What stands in a clinic's tables and notes.
#[test]
fn ordinary_clinical_text_has_none_of_them() {
    for text in [
        "Policy reviewed 2024-01-02; member of the care team called 3 times. Accounts for 12345 of all cases.",
        "License verified. Plate and 6 screws removed 2019; serial films 01/02/2024 and 2024-03-04.",
        "Device interrogated 2024-01-02: 98 % paced, battery 7 years, lead impedance 512 ohm.",
        "Specimen 123456789, CLM-2024-000123, visit 2024-01-02 10:11:12, order 4711832, CPT 99213, ICD E11.9",
        "CLM-2024-000123",
        "123456789",
        "2024-01-02",
        "Culture plate no 2: no growth. Accession 20240102-0047.",
        "Cr 1.2 mg/dl, LDL 112 mg/dl, HbA1c 6.4 %; member states 12345 steps daily.",
        "insurance verified 2024-01-02, policy in force until 12/31/2024",
    ] {
        for detector in [
            Detector::AccountNumber,
            Detector::DeviceId,
            Detector::HealthPlan,
            Detector::LicenseNumber,
            Detector::LicensePlate,
        ] {
            assert_eq!(redacted(&one(detector), text), None, "{detector} in {text}");
        }
    }
}
