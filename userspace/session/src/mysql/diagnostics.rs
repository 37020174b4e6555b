//! Errors of statements that touch masked columns.
//!
//! A server quotes values in its messages (`Duplicate entry '…' for key`, `Incorrect integer value: '…'`, `XPATH syntax error: '…'`).
//! Where a masked value may be among them, the text is replaced by one that depends on the number alone; number and SQLSTATE
//! stay, so that drivers behave as before.

use interdict_wire::mysql::response::ErrPacket;

/// Errors whose texts quote only the statement's own names or the session's state: access, connections, syntax, objects, locks,
/// transactions, limits ("Server Error Message Reference").
const QUOTE_NO_VALUES: &[u16] = &[
    1040, 1044, 1045, 1046, 1047, 1049, 1050, 1051, 1052, 1053, 1054, 1060, 1061, 1064, 1065, 1066, 1091,
    1093, 1096, 1099, 1100, 1103, 1104, 1109, 1110, 1111, 1113, 1115, 1128, 1140, 1142, 1143, 1144, 1145,
    1146, 1147, 1148, 1149, 1153, 1158, 1159, 1160, 1161, 1166, 1168, 1172, 1176, 1180, 1184, 1193, 1205,
    1206, 1207, 1213, 1222, 1223, 1226, 1227, 1228, 1229, 1230, 1232, 1235, 1237, 1238, 1241, 1242, 1243,
    1247, 1248, 1251, 1286, 1290, 1295, 1304, 1305, 1312, 1317, 1319, 1320, 1337, 1345, 1347, 1356, 1370,
    1382, 1394, 1395, 1396, 1410, 1415, 1418, 1419, 1422, 1436, 1444, 1461, 1568, 1582, 1583, 1584, 1642,
    1792, 1820, 1836, 1862, 1969, 2013, 3024, 3065, 3100, 3101, 3159, 3572, 3950, 4031,
];

/// What is shown instead of the text; `None` if it may pass.
pub(super) fn withheld(error: &ErrPacket<'_>) -> Option<String> {
    if QUOTE_NO_VALUES.contains(&error.code) {
        return None;
    }
    let what = match error.code {
        1022 | 1062 | 1586 | 1859 => "a value already exists",
        1048 | 1364 => "a column may not be null",
        1216 | 1217 | 1451 | 1452 => "a foreign key does not hold",
        1264 | 1690 => "a number is out of range",
        1265 | 1292 | 1366 | 1411 | 1525 => "a value does not fit its type",
        1406 => "a value is too long for its column",
        1644 => "raised by a routine",
        3819 | 4025 => "a check constraint does not hold",
        _ => "the statement failed",
    };
    Some(format!(
        "{what} (text withheld: the statement touches masked columns)"
    ))
}
