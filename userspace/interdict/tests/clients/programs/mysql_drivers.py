"""What Python's drivers for MySQL do: texts and prepared statements, cursors of every kind, errors, transactions, the session's commands."""

import sys

import steps
from steps import step

DRIVER = sys.argv[2]
WHERE = {"host": "127.0.0.1", "port": steps.PORT, "user": "agent", "password": "secret of the agent", "database": "clinic"}
MASKED = "select id, name, ssn, mrn, email, phone, dob, notes from patients order by id"


def connected():
    if DRIVER == "pymysql":
        import pymysql
        from pymysql.constants import CLIENT

        return pymysql.connect(**WHERE, client_flag=CLIENT.MULTI_STATEMENTS)
    if DRIVER == "mysqlclient":
        import MySQLdb

        return MySQLdb.connect(**WHERE, charset="utf8mb4")
    if DRIVER == "mariadb":
        import mariadb

        return mariadb.connect(**WHERE)
    import mysql.connector

    return mysql.connector.connect(**WHERE, use_pure=DRIVER == "connector-pure", ssl_disabled=True)


def using(*drivers):
    """Registers a step that takes a connection; what it changed is undone."""

    def register(function):
        def run():
            connection = connected()
            try:
                return function(connection)
            finally:
                connection.rollback()
                connection.close()

        run.__name__ = function.__name__
        if not drivers or DRIVER in drivers:
            step(run)
        return function

    return register


def rows(connection, text, *arguments, **options):
    cursor = connection.cursor(**options)
    cursor.execute(text, arguments or None)
    found = [list(row) for row in cursor.fetchall()]
    cursor.close()
    return found


@using()
def plain_rows(connection):
    return rows(connection, "select * from visits where id < 4 order by id")


@using()
def masked(connection):
    cursor = connection.cursor()
    cursor.execute(MASKED)
    return [[column[0] for column in cursor.description], [list(row) for row in cursor.fetchall()]]


@using()
def masked_by_parameter(connection):
    mark = "?" if DRIVER == "mariadb" else "%s"
    return [rows(connection, f"select name, ssn from patients where id = {mark}", at) for at in (1, 2, 3, 1)]


@using()
def types(connection):
    return rows(
        connection,
        "select cast(1.5 as decimal(5, 2)), date '2026-01-02', timestamp '2026-01-02 03:04:05.678', time '-12:34:56', x'00ff', "
        "1e10, -9223372036854775808, 18446744073709551615, null, 'ü€😀', true, json_object('a', 1)",
    )


@using()
def one_large_value(connection):
    return [len(rows(connection, "select repeat('x', 3000000)")[0][0]), rows(connection, "select 'on'")]


@using()
def many_inserts(connection):
    mark = "?" if DRIVER == "mariadb" else "%s"
    cursor = connection.cursor()
    cursor.executemany(
        f"insert into visits (id, patient, specimen) values ({mark}, {mark}, {mark})",
        [(9000 + at, 1, None if at % 3 else f"many {at}") for at in range(200)],
    )
    return [cursor.rowcount, rows(connection, "select count(*), count(specimen), max(specimen) from visits where id >= 9000")]


@using()
def rolled_back(connection):
    cursor = connection.cursor()
    cursor.execute("update visits set specimen = 'changed' where id = 5")
    changed = cursor.rowcount
    connection.rollback()
    return [changed, rows(connection, "select specimen from visits where id = 5")]


@using()
def duplicate_key(connection):
    try:
        rows(connection, "insert into visits (id) values (1)")
    except Exception as error:  # noqa: BLE001: every driver has its own
        return [type(error).__name__, str(error), rows(connection, "select 'on'")]


@using("pymysql", "mysqlclient", "connector-pure", "connector-c")
def character_set(connection):
    cursor = connection.cursor()
    cursor.execute("set names latin1")
    cursor.execute("set names utf8mb4 collate utf8mb4_unicode_ci")
    return rows(connection, "select 'é', length('é'), @@collation_connection")


@using()
def a_mode_of_the_session(connection):
    cursor = connection.cursor()
    cursor.execute("set session sql_mode = concat(@@sql_mode, ',ANSI_QUOTES')")
    return rows(connection, 'select "ssn" from patients where id = 1')


@using()
def untraceable(connection):
    return rows(connection, "select name from patients order by ssn")


@using()
def destructive(connection):
    return rows(connection, "delete from visits where true")


@using()
def too_many_rows(connection):
    return rows(connection, "select * from visits")


@using()
def after_a_refusal(connection):
    try:
        # In a transaction, which goes on.
        connection.cursor().execute("delete from visits where true and id < 0")
        connection.cursor().execute("grant select on clinic.nosuch to nobody")
    except Exception:  # noqa: BLE001: refused by one, unknown to the other
        pass
    return rows(connection, "select ssn from patients where id = 1")


@using("pymysql")
def pymysql_several_statements(connection):
    cursor = connection.cursor()
    cursor.execute("select 1; select ssn from patients where id = 1; update visits set patient = 2 where id = 7; select 'last'")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    return found


@using("mysqlclient")
def mysqlclient_several_statements(connection):
    cursor = connection.cursor()
    cursor.execute("select 1; select ssn from patients where id = 1; select 'last'")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    return found


@using("pymysql")
def pymysql_unbuffered_dictionaries(connection):
    import pymysql.cursors

    cursor = connection.cursor(pymysql.cursors.SSDictCursor)
    cursor.execute(MASKED)
    return list(cursor.fetchall_unbuffered())


@using("mysqlclient")
def mysqlclient_unbuffered_dictionaries(connection):
    import MySQLdb.cursors

    cursor = connection.cursor(MySQLdb.cursors.SSDictCursor)
    cursor.execute(MASKED)
    return list(cursor.fetchall())


@using("pymysql", "mysqlclient")
def another_database_and_back(connection):
    connection.select_db("mysql")
    connection.select_db("clinic")
    connection.ping()
    return rows(connection, "select database(), ssn from patients where id = 1")


@using("pymysql")
def pymysql_kill(connection):
    other = connected()
    connection.kill(other.thread_id())
    try:
        return rows(other, "select 1")
    except Exception as error:  # noqa: BLE001: every driver has its own
        return type(error).__name__


@using("connector-pure", "connector-c")
def connector_prepared(connection):
    cursor = connection.cursor(prepared=True)
    found = []
    for at in (1, 2, 3, 2):
        cursor.execute("select id, name, ssn, mrn, email, phone, dob, notes from patients where id = %s", (at,))
        found.append(cursor.fetchall())
    return found


@using("connector-pure", "connector-c")
def connector_prepared_types(connection):
    cursor = connection.cursor(prepared=True)
    cursor.execute("select id, patient, at, specimen from visits where id in (%s, %s) and specimen > %s order by id", (1, 2, "4"))
    return cursor.fetchall()


@using("connector-pure", "connector-c")
def connector_prepared_untraceable(connection):
    cursor = connection.cursor(prepared=True)
    cursor.execute("select name from patients where id > %s order by ssn", (0,))
    return cursor.fetchall()


@using("connector-pure", "connector-c")
def connector_another_user(connection):
    connection.cmd_change_user("other", "other", "clinic")
    return rows(connection, "select current_user(), ssn from patients where id = 2")


@using("connector-pure", "connector-c")
def connector_reset(connection):
    rows(connection, "select @a := 1")
    connection.cmd_reset_connection()
    return rows(connection, "select @a, ssn from patients where id = 2")


@using("connector-pure", "connector-c")
def connector_dictionaries(connection):
    cursor = connection.cursor(dictionary=True, buffered=True)
    cursor.execute(MASKED)
    return cursor.fetchall()


@using("connector-pure", "connector-c")
def connector_commands(connection):
    connection.ping()
    connection.cmd_init_db("clinic")
    return [connection.get_server_info(), rows(connection, "select ssn from patients where id = 1")]


@using("mariadb")
def mariadb_binary(connection):
    return rows(connection, MASKED, binary=True)


@using("mariadb")
def mariadb_binary_types(connection):
    return rows(connection, "select id, patient, at, specimen from visits where id < 3 order by id", binary=True)


@using("mariadb")
def mariadb_prepared(connection):
    cursor = connection.cursor(prepared=True)
    found = []
    for at in (1, 2, 3, 2):
        cursor.execute("select name, ssn, dob from patients where id = ?", (at,))
        found.append([list(row) for row in cursor.fetchall()])
    return found


@using("mariadb")
def mariadb_read_only_cursor(connection):
    import mariadb

    cursor = connection.cursor(cursor_type=mariadb.constants.CURSOR.READ_ONLY, prefetch_size=1, buffered=False)
    cursor.execute("select name, ssn from patients where id > ? order by id", (0,))
    return [list(row) for row in cursor]


@using("mariadb")
def mariadb_bulk_returning(connection):
    cursor = connection.cursor()
    cursor.executemany("insert into visits (id, specimen) values (?, ?) returning id, specimen", [(9001, "a"), (9002, "b")])
    return [list(row) for row in cursor.fetchall()]


@using("mariadb")
def mariadb_session(connection):
    connection.change_user("other", "other", "clinic")
    connection.reset()
    connection.ping()
    return rows(connection, "select current_user(), ssn from patients where id = 2")


steps.run()
