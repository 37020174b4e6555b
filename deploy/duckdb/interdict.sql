-- The record as tables, for `duckdb -init interdict.sql`. Where it is:
--   SET VARIABLE record = '/var/lib/interdict/audit';      -- one host
--   SET VARIABLE record = 's3://bucket/prefix';            -- the fleet, after LOAD httpfs
-- A kind of row of which there is none yet has no files: its view is missing, and the error at the start says so.

SET VARIABLE record = coalesce(getvariable('record'), '/var/lib/interdict/audit');
SET TimeZone = 'UTC';

CREATE OR REPLACE VIEW statements AS SELECT * FROM read_parquet(getvariable('record') || '/statements/*/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW sessions AS SELECT * FROM read_parquet(getvariable('record') || '/sessions/*/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW policies AS SELECT * FROM read_parquet(getvariable('record') || '/policies/*/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW admin AS SELECT * FROM read_parquet(getvariable('record') || '/admin/*/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW ledger AS SELECT * FROM read_parquet(getvariable('record') || '/ledger/*/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW approvals AS SELECT * FROM read_parquet(getvariable('record') || '/approvals/*/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE OR REPLACE VIEW grants AS SELECT * FROM read_parquet(getvariable('record') || '/grants/*/*.parquet', hive_partitioning = true, union_by_name = true);

-- One row an output column that reached a client: what it was, and whether it was masked.
CREATE OR REPLACE VIEW shown AS
SELECT date, requested_at, host, session_id, statement_id, service, identity, approval_id, grant_id, rows,
  c.origin AS origin, c.mask AS mask
FROM (SELECT *, unnest(columns) AS c FROM statements WHERE status = 'ok' AND rows > 0)
WHERE c.origin IS NOT NULL;

-- One row a table or view that a statement touched.
CREATE OR REPLACE VIEW touched AS
SELECT date, requested_at, host, session_id, statement_id, service, identity, decision, rows, r.name AS relation, r.access AS access
FROM (SELECT *, unnest(relations) AS r FROM statements);

-- One row a grant: how it began, how it ended, what it was used for.
CREATE OR REPLACE VIEW grant_lives AS
SELECT grant_id,
  min("at") FILTER (event = 'created') AS created_at,
  any_value(person) FILTER (event = 'created') AS created_by,
  any_value(identities) FILTER (event = 'created') AS identities,
  any_value(columns) FILTER (event = 'created') AS columns,
  any_value(reason) FILTER (event = 'created') AS reason,
  any_value(ends_at) AS ends_at,
  bool_or(break_glass) AS break_glass,
  min("at") FILTER (event IN ('revoked', 'expired')) AS ended_at,
  any_value(event) FILTER (event IN ('revoked', 'expired')) AS ended_by,
  max(used_statements) AS used_statements,
  min("at") FILTER (event = 'reviewed') AS reviewed_at,
  any_value(person) FILTER (event = 'reviewed') AS reviewed_by
FROM grants GROUP BY grant_id;

-- Who saw something of a subject: the token is what `interdict` made of the identifier, see the page on replay and subjects.
CREATE OR REPLACE MACRO who_saw(token) AS TABLE
SELECT identity, service, min(requested_at) AS first, max(requested_at) AS last, count(*) AS statements, sum(rows) AS rows
FROM statements WHERE list_contains(subjects, token) AND status = 'ok' GROUP BY identity, service ORDER BY first;

-- A session, statement by statement.
CREATE OR REPLACE MACRO session(id) AS TABLE
SELECT requested_at, decision, rule, status, rows, masked_cells, statement FROM statements WHERE session_id = id::UUID ORDER BY host, seq;
