//! The databases' servers, with what is asked of them.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::{DATABASE, USER};
use crate::cleanup::Cleanup;
use crate::mariadb::MariaDb;
use crate::postgres::Postgres;
use crate::ui;

const PATIENTS: &str = "CREATE TABLE patients (id int, name text, ssn text, email text, notes text, visited timestamptz);
INSERT INTO patients
SELECT i, 'Patient ' || i, lpad((100 + i % 500)::text, 3, '0') || '-' || lpad((1 + i % 98)::text, 2, '0') || '-' || lpad((1 + i % 9998)::text, 4, '0'),
       'patient' || i || '@example.org', 'seen on ward ' || i % 17 || ', no complaint, to be seen again in ' || i % 12 || ' weeks',
       timestamptz '2026-01-01 08:00:00+00' + i * interval '7 seconds'
FROM generate_series(1, 1000000) AS i;
ALTER TABLE patients ADD PRIMARY KEY (id);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO bench;";

/// Likewise; and the table that sysbench makes, with keys from 1 to 100 000.
const MYSQL: &str = "CREATE DATABASE bench;
CREATE USER bench@'127.0.0.1';
GRANT ALL ON bench.* TO bench@'127.0.0.1';
USE bench;
CREATE TABLE sbtest1 (id int PRIMARY KEY, k int NOT NULL, c char(120) NOT NULL, pad char(60) NOT NULL, KEY (k));
INSERT INTO sbtest1 SELECT seq, seq * 7919 % 100000, LEFT(REPEAT(SHA2(seq, 256), 2), 119), LEFT(SHA2(-seq, 256), 59)
FROM seq_1_to_100000;
CREATE TABLE patients (id int PRIMARY KEY, name varchar(40), ssn varchar(11), email varchar(60), notes varchar(200), visited datetime);
INSERT INTO patients
SELECT seq, CONCAT('Patient ', seq),
       CONCAT(LPAD(100 + seq % 500, 3, '0'), '-', LPAD(1 + seq % 98, 2, '0'), '-', LPAD(1 + seq % 9998, 4, '0')),
       CONCAT('patient', seq, '@example.org'),
       CONCAT('seen on ward ', seq % 17, ', no complaint, to be seen again in ', seq % 12, ' weeks'),
       '2026-01-01 08:00:00' + INTERVAL 7 * seq SECOND
FROM seq_1_to_1000000;";

pub(super) fn postgres(place: &Path, cleanup: &Cleanup) -> Result<Postgres> {
    let started = Instant::now();
    let spinner = ui::spinner("PostgreSQL with its data");
    let hba = format!("host {DATABASE} {USER} 127.0.0.1/32 trust");
    let server = Postgres::start(
        place,
        &hba,
        "max_connections = 400\nshared_buffers = 256MB\nautovacuum = off",
    )?;
    let stopped = server.clone();
    cleanup.add("PostgreSQL runs on", move || stopped.stop());
    server.run("postgres", &format!("CREATE ROLE {USER} LOGIN"))?;
    server.run("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
    let mut pgbench = server.program("pgbench");
    pgbench
        .args(["-h"])
        .arg(&server.directory)
        .args(["-p", &server.port.to_string(), "-U", "postgres"]);
    ui::output(pgbench.args(["--initialize", "--quiet", "--scale", "10", DATABASE]))?;
    server.run(DATABASE, PATIENTS)?;
    // In a transaction of its own each: VACUUM does not run in another's.
    server.run(DATABASE, "VACUUM (ANALYZE, FREEZE)")?;
    spinner.finish_and_clear();
    ui::done("PostgreSQL with its data", started.elapsed());
    Ok(server)
}

pub(super) fn mysql(place: &Path, cleanup: &Cleanup) -> Result<MariaDb> {
    let started = Instant::now();
    let spinner = ui::spinner("MariaDB with its data");
    let server = MariaDb::start(
        place,
        &["--innodb-buffer-pool-size=512M", "--max-connections=400"],
    )?;
    let stopped = server.clone();
    cleanup.add("MariaDB runs on", move || stopped.stop());
    server.run("mysql", MYSQL)?;
    spinner.finish_and_clear();
    ui::done("MariaDB with its data", started.elapsed());
    Ok(server)
}
