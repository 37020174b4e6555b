"""What drivers do that ORMs seldom ask for: type look-ups, binary results, pipelines, cursors, COPY both ways, cancellation."""

import asyncio
import datetime
import io

import asyncpg
import pg8000.native
import psycopg
import psycopg2
import psycopg2.extras

import steps
from steps import step

WHERE = {"host": "127.0.0.1", "port": steps.PORT, "user": "postgres"}
MASKED = "select id, ssn, dob, zip from patients order by id"
NEW = datetime.date(2030, 1, 1)


def asynchronous(function):
    """Registers a coroutine that takes an asyncpg connection as a step."""

    async def connected():
        connection = await asyncpg.connect(database="clinic", **WHERE)
        try:
            return await function(connection)
        finally:
            await connection.close()

    def run():
        return asyncio.run(connected())

    run.__name__ = function.__name__
    return step(run)


def three():
    return psycopg.connect(dbname="clinic", **WHERE)


def two():
    return psycopg2.connect(dbname="clinic", **WHERE)


@asynchronous
async def asyncpg_fetch(connection):
    return [list(row) for row in await connection.fetch("select * from visits where id < $1 order by id", 4)]


@asynchronous
async def asyncpg_masked(connection):
    return [list(row) for row in await connection.fetch(MASKED)]


@asynchronous
async def asyncpg_enum_and_composite(connection):
    return list(await connection.fetchrow("select status, row(id, visit_date)::text, array[status], int4range(1, 3) from visits where id = 1"))


@asynchronous
async def asyncpg_prepared(connection):
    statement = await connection.prepare("select name, weight from patients where id = $1")
    return [[attribute.name for attribute in statement.get_attributes()], [list(await statement.fetchrow(id)) for id in (1, 2, 1)]]


@asynchronous
async def asyncpg_execute_many(connection):
    await connection.executemany("insert into clinics (name, beds) values ($1, $2)", [(f"many {at}", at) for at in range(20)])
    return await connection.fetchval("select sum(beds) from clinics where name like 'many %'")


@asynchronous
async def asyncpg_cursor(connection):
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return [row["id"] async for row in connection.cursor("select id from visits where id <= 100 order by id", prefetch=30)]


@asynchronous
async def asyncpg_nested_transactions(connection):
    async with connection.transaction():
        await connection.execute("insert into clinics (name) values ('outer')")
        try:
            async with connection.transaction():
                await connection.execute("insert into clinics (name) values ('North')")
        except asyncpg.UniqueViolationError as error:
            refused = error.constraint_name
    return [refused, await connection.fetchval("select count(*) from clinics where name = 'outer'")]


@asynchronous
async def asyncpg_copy_query_out(connection):
    output = io.BytesIO()
    status = await connection.copy_from_query("select id, name, beds from clinics where id < 3 order by id", output=output, format="csv")
    return [status, output.getvalue()]


@asynchronous
async def asyncpg_copy_table_out_binary(connection):
    output = io.BytesIO()
    status = await connection.copy_from_table("clinics", columns=["id", "name"], output=output, format="binary")
    return [status, output.getvalue()]


@asynchronous
async def asyncpg_copy_masked_out(connection):
    output = io.BytesIO()
    status = await connection.copy_from_query(MASKED, output=output, format="csv")
    return [status, output.getvalue().decode()]


@asynchronous
async def asyncpg_copy_records_in(connection):
    return await connection.copy_records_to_table("visits", records=[(1, NEW + datetime.timedelta(days=at), "in") for at in range(30)], columns=["patient_id", "visit_date", "reason"])


@asynchronous
async def asyncpg_reset(connection):
    await connection.execute("set statement_timeout = '9s'")
    await connection.reset()
    return await connection.fetchval("show statement_timeout")


@asynchronous
async def asyncpg_timeout_cancels(connection):
    try:
        await connection.fetch("select pg_sleep(20)", timeout=0.2)
    except asyncio.TimeoutError:
        return ["cancelled", await connection.fetchval("select 1")]


@asynchronous
async def asyncpg_json_codec(connection):
    import json

    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    return await connection.fetchval("select detail from visits where id = 2")


@asynchronous
async def asyncpg_pool(connection):
    async with asyncpg.create_pool(database="clinic", min_size=2, max_size=4, **WHERE) as pool:
        return await asyncio.gather(*(pool.fetchval("select name from patients where id = $1", 1 + at % 3) for at in range(30)))


@step
def psycopg_binary_results():
    with three() as connection, connection.cursor(binary=True) as cursor:
        return cursor.execute("select * from visits where id = %s", [3]).fetchall()


@step
def psycopg_binary_masked():
    with three() as connection, connection.cursor(binary=True) as cursor:
        return cursor.execute(MASKED).fetchall()


@step
def psycopg_prepared_by_itself():
    with three() as connection:
        connection.prepare_threshold = 2
        return [connection.execute("select name from patients where id = %s", [1 + at % 3]).fetchone() for at in range(8)]


@step
def psycopg_pipeline():
    with three() as connection, connection.pipeline():
        cursors = [connection.execute("select name, ssn is null from patients where id = %s", [id]) for id in (1, 2, 3)]
        connection.execute("insert into clinics (name) values ('piped')")
        return [cursor.fetchone() for cursor in cursors]


@step
def psycopg_pipeline_open_columns():
    with three() as connection, connection.pipeline():
        cursors = [connection.execute("select name from patients where id = %s", [id]) for id in (1, 2, 3)]
        return [cursor.fetchone() for cursor in cursors]


@step
def psycopg_many_returning():
    with three() as connection, connection.cursor() as cursor:
        cursor.executemany("insert into clinics (name) values (%s) returning id > 0", [("m1",), ("m2",), ("m3",)], returning=True)
        found = [cursor.fetchone()]
        while cursor.nextset():
            found.append(cursor.fetchone())
        return found


@step
def psycopg_server_cursor():
    with three() as connection, connection.cursor(name="big") as cursor:
        cursor.execute("select id from visits where id <= 90 order by id")
        return [len(cursor.fetchmany(40)), cursor.fetchone(), len(cursor.fetchall())]


@step
def psycopg_server_cursor_masked():
    with three() as connection, connection.cursor(name="people") as cursor:
        return cursor.execute(MASKED).fetchall()


@step
def psycopg_scrolling_cursor():
    with three() as connection, connection.cursor(name="back", scrollable=True) as cursor:
        cursor.execute("select id from visits order by id")
        cursor.scroll(50)
        here = cursor.fetchone()
        cursor.scroll(-10)
        return [here, cursor.fetchone()]


@step
def psycopg_stream():
    with three() as connection, connection.cursor() as cursor:
        return sum(row[0] for row in cursor.stream("select id from visits where id <= 100"))


@step
def psycopg_copy_out():
    with three() as connection, connection.cursor().copy("copy (select id, status, tags from visits where id < 5 order by id) to stdout") as copy:
        return list(copy.rows())


@step
def psycopg_copy_out_masked():
    with three() as connection, connection.cursor().copy(f"copy ({MASKED}) to stdout") as copy:
        return list(copy.rows())


@step
def psycopg_copy_out_masked_binary():
    with three() as connection, connection.cursor().copy(f"copy ({MASKED}) to stdout (format binary)") as copy:
        copy.set_types(["int4", "varchar", "date", "varchar"])
        return list(copy.rows())


@step
def psycopg_copy_table_out_masked():
    with three() as connection, connection.cursor().copy("copy patients to stdout (format csv, header)") as copy:
        return b"".join(copy).decode().splitlines()


@step
def psycopg_copy_in():
    with three() as connection, connection.cursor() as cursor:
        with cursor.copy("copy clinics (name, beds) from stdin") as copy:
            for at in range(5):
                copy.write_row((f"copied {at}", at))
        return [cursor.rowcount, cursor.execute("select sum(beds) from clinics where name like 'copied %'").fetchone()]


@step
def psycopg_type_of_an_enum():
    with three() as connection:
        info = psycopg.types.enum.EnumInfo.fetch(connection, "visit_status")
        return [info.name, list(info.labels)]


@step
def psycopg_type_of_a_composite():
    with three() as connection:
        info = psycopg.types.composite.CompositeInfo.fetch(connection, "span")
        return [info.name, list(info.field_names)]


@step
def psycopg_notify():
    with psycopg.connect(dbname="clinic", autocommit=True, **WHERE) as connection:
        connection.execute("listen door")
        connection.execute("notify door, 'knock'")
        return [[note.channel, note.payload] for note in connection.notifies(timeout=2, stop_after=1)]


@step
def psycopg_server_facts():
    with three() as connection:
        return [connection.info.server_version, connection.info.encoding, connection.info.parameter_status("TimeZone")]


@step
def psycopg_error_fields():
    with three() as connection:
        try:
            connection.execute("insert into visits (patient_id, visit_date) values (999, '2031-01-01')")
        except psycopg.Error as error:
            diagnostic = error.diag
            return [diagnostic.sqlstate, diagnostic.constraint_name, diagnostic.table_name, diagnostic.message_detail]


@step
def psycopg2_named_cursor():
    with two() as connection, connection.cursor(name="slow") as cursor:
        cursor.itersize = 40
        cursor.execute("select id from visits where id <= 100 order by id")
        return sum(row[0] for row in cursor)


@step
def psycopg2_values():
    with two() as connection, connection.cursor() as cursor:
        return psycopg2.extras.execute_values(cursor, "insert into clinics (name, beds) values %s returning name", [(f"v{at}", at) for at in range(7)], fetch=True)


@step
def psycopg2_batch():
    with two() as connection, connection.cursor() as cursor:
        psycopg2.extras.execute_batch(cursor, "update clinics set beds = beds + %s where id = %s", [(at, 1) for at in range(10)])
        cursor.execute("select beds from clinics where id = 1")
        return cursor.fetchone()


@step
def psycopg2_copy_out():
    output = io.StringIO()
    with two() as connection, connection.cursor() as cursor:
        cursor.copy_expert("copy (select id, name from clinics where id < 3 order by id) to stdout csv", output)
    return output.getvalue()


@step
def psycopg2_copy_in():
    with two() as connection, connection.cursor() as cursor:
        cursor.copy_from(io.StringIO("p2a\t1\np2b\t2\n"), "clinics", columns=("name", "beds"))
        return cursor.rowcount


@step
def psycopg2_several_statements():
    with two() as connection, connection.cursor() as cursor:
        cursor.execute("select 1; select name from patients where id = 1")
        return cursor.fetchall()


@step
def psycopg2_set_session():
    connection = two()
    connection.set_session(isolation_level="SERIALIZABLE", readonly=True, deferrable=True)
    with connection, connection.cursor() as cursor:
        cursor.execute("show transaction_isolation")
        return cursor.fetchone()


@step
def psycopg2_pool_reset():
    connection = two()
    connection.autocommit = True
    connection.reset()
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return cursor.fetchone()


@step
def discard_all():
    with psycopg.connect(dbname="clinic", autocommit=True, **WHERE) as connection:
        connection.execute("discard all")
        return connection.execute("select 1").fetchone()


@step
def pg8000_queries():
    connection = pg8000.native.Connection("postgres", host="127.0.0.1", port=steps.PORT, database="clinic")
    found = [connection.run("select id, visit_date, status, cost, tags from visits where id = :id", id=2), connection.run(MASKED + " limit 0")]
    connection.close()
    return found


@step
def pg8000_masked():
    connection = pg8000.native.Connection("postgres", host="127.0.0.1", port=steps.PORT, database="clinic")
    found = connection.run(MASKED)
    connection.close()
    return found


steps.run()
