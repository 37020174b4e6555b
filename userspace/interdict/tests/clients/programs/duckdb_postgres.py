"""DuckDB's postgres extension: it reads tables by COPY (FORMAT binary), in ranges of ctid, several connections on one snapshot."""

import pathlib

import duckdb
import duckdb_extension_postgres_scanner as extension

import steps
from steps import step


def attached(options=""):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    path = next(pathlib.Path(extension.__file__).parent.rglob("postgres_scanner.duckdb_extension"))
    connection.execute(f"LOAD '{path}'")
    connection.execute(f"ATTACH 'host=127.0.0.1 port={steps.PORT} user=postgres dbname=clinic' AS clinic (TYPE postgres{options})")
    return connection


def ask(sql, *before, options=""):
    connection = attached(options)
    for statement in before:
        connection.execute(statement)
    return connection.execute(sql).fetchall()


@step
def attach():
    return ask("SELECT 1")


@step
def attach_read_only():
    return ask("SELECT count(*) FROM clinic.visits", options=", READ_ONLY")


@step
def tables():
    return ask("SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'clinic' AND table_schema = 'public' ORDER BY ALL")


@step
def columns():
    return ask("SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE database_name = 'clinic' AND schema_name = 'public' ORDER BY ALL")


@step
def describe():
    return ask("DESCRIBE clinic.patients")


@step
def permitted_table():
    return ask("SELECT * FROM clinic.visits ORDER BY id")


@step
def permitted_columns_of_a_masked_table():
    return ask("SELECT id, name, weight, created FROM clinic.patients ORDER BY id")


@step
def masked_table():
    return ask("SELECT id, name, ssn, mrn, email, phone, dob, zip FROM clinic.patients ORDER BY id")


@step
def masked_table_by_star():
    return ask("SELECT * FROM clinic.patients ORDER BY id")


@step
def view():
    return ask("SELECT * FROM clinic.visits_per_clinic ORDER BY ALL")


@step
def view_of_masked_columns():
    return ask("SELECT * FROM clinic.patient_contacts ORDER BY ALL")


@step
def partitioned_table():
    return ask("SELECT device, count(*), max(value) FROM clinic.readings GROUP BY ALL ORDER BY ALL")


@step
def count():
    return ask("SELECT count(*) FROM clinic.patients")


@step
def join_here():
    return ask("SELECT p.name, count(*) FROM clinic.patients p JOIN clinic.visits v ON v.patient_id = p.id GROUP BY ALL ORDER BY ALL")


@step
def filter_pushed_down():
    return ask("SELECT id, cost FROM clinic.visits WHERE id > 290 AND visit_date > DATE '2026-01-01' ORDER BY id")


@step
def filter_not_pushed_down():
    return ask("SELECT id FROM clinic.visits WHERE id > 290 ORDER BY id", "SET pg_experimental_filter_pushdown = false")


@step
def filter_on_a_masked_column():
    return ask("SELECT id FROM clinic.patients WHERE ssn = '123-45-6789'")


@step
def one_connection_only():
    return ask("SELECT sum(cost) FROM clinic.visits", "SET pg_connection_limit = 1")


@step
def ranges_of_pages():
    return ask("SELECT count(id), sum(cost) FROM clinic.visits", "SET pg_pages_per_task = 1", "SET threads = 4")


@step
def text_protocol():
    return ask("SELECT id, visit_date, cost, tags FROM clinic.visits WHERE id < 10 ORDER BY id", "SET pg_use_text_protocol = true")


@step
def text_protocol_masked():
    return ask("SELECT id, ssn, dob FROM clinic.patients ORDER BY id", "SET pg_use_text_protocol = true")


@step
def query_by_text():
    return ask("SELECT * FROM postgres_query('clinic', 'SELECT id, name, beds FROM clinics ORDER BY id')")


@step
def query_of_masked_by_text():
    return ask("SELECT * FROM postgres_query('clinic', 'SELECT id, ssn, dob FROM patients ORDER BY id')")


@step
def insert():
    connection = attached()
    connection.execute("INSERT INTO clinic.visits (id, patient_id, visit_date, status, reason) VALUES (9001, 1, DATE '2029-01-01', 'planned', 'from DuckDB')")
    return connection.execute("SELECT id, patient_id, visit_date, status, reason FROM clinic.visits WHERE id > 9000").fetchall()


@step
def copy_in():
    connection = attached()
    connection.execute("INSERT INTO clinic.clinics (id, name, beds) SELECT 100 + i, 'duck ' || i, i FROM range(50) t(i)")
    return connection.execute("SELECT count(*), sum(beds) FROM clinic.clinics WHERE id >= 100").fetchall()


@step
def update():
    connection = attached()
    connection.execute("UPDATE clinic.visits SET reason = 'changed' WHERE id = 5")
    return connection.execute("SELECT id, reason FROM clinic.visits WHERE id = 5").fetchall()


@step
def delete():
    connection = attached()
    connection.execute("DELETE FROM clinic.visits WHERE id = 6")
    return connection.execute("SELECT count(*) FROM clinic.visits WHERE id = 6").fetchall()


@step
def transaction():
    connection = attached()
    connection.execute("BEGIN")
    connection.execute("DELETE FROM clinic.visits WHERE id = 8")
    before = connection.execute("SELECT count(*) FROM clinic.visits WHERE id = 8").fetchall()
    connection.execute("ROLLBACK")
    return [before, connection.execute("SELECT count(*) FROM clinic.visits WHERE id = 8").fetchall()]


steps.run()
