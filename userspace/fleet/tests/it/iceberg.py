"""What `iceberg.rs` asserts: `register.py` is run as its users run it, over a bucket that the shipper filled.

What the tables must have is not known from the program under test: the bucket's files are fetched, and DuckDB reads them.
"""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog import load_catalog

PROGRAM, ENDPOINT, PLACE, KIND = sys.argv[1:5]
RECORD = "s3://fleet/audit"
TABLES = ["admin", "approvals", "frames", "grants", "ledger", "policies", "sessions", "statements"]
ACCESS = {"endpoint_url": ENDPOINT, "aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
s3 = boto3.client("s3", **ACCESS)


def start(*arguments, record=RECORD):
    command = [sys.executable, PROGRAM, record, "--json", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process, status=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, f"{process.returncode}, not {status}: {out}{err}"
    assert "Traceback" not in err, err
    return json.loads(out)


def register(*arguments, status=0, record=RECORD):
    return finished(start(*arguments, record=record), status)


def keys(table):
    listed = s3.list_objects_v2(Bucket="fleet", Prefix=f"audit/{table}/").get("Contents", [])
    return sorted(one["Key"] for one in listed)


def read(key):
    return s3.get_object(Bucket="fleet", Key=key)["Body"].read()


def rows(db, source):
    """Every cell as text: what is compared is the content, and not the types of two libraries."""
    kinds = dict(row[:2] for row in db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall())
    names = sorted(kinds)
    # PyIceberg 0.12 gives an empty list of structs for one that is null.
    cell = lambda name: f"coalesce(\"{name}\", [])" if kinds[name].startswith("STRUCT") and kinds[name].endswith("[]") else f'"{name}"'
    cells = ", ".join(f"{cell(name)}::VARCHAR" for name in names)
    return names, sorted(db.execute(f"SELECT {cells} FROM {source}").fetchall(), key=str)


def same(namespace, table, objects=None):
    """The table has the rows of the bucket's files; gives how many."""
    objects = keys(table) if objects is None else objects
    scanned = load_catalog("default").load_table((namespace, table)).scan().to_arrow()
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("scanned", scanned)
    with tempfile.TemporaryDirectory(dir=PLACE) as mirror:
        for number, key in enumerate(objects):
            Path(mirror, f"{number}.parquet").write_bytes(read(key))
        files = f"read_parquet('{mirror}/*.parquet', union_by_name = true)"
        wanted = rows(db, files) if objects else (None, [])
    found = rows(db, "scanned")
    assert len(found[1]) == len(wanted[1]), (table, len(found[1]), len(wanted[1]))
    if objects:
        assert found[0] == wanted[0], (table, set(found[0]) ^ set(wanted[0]))
        for one, other in zip(found[1], wanted[1]):
            assert one == other, (table, [(name, a, b) for name, a, b in zip(found[0], one, other) if a != b])
    return len(found[1])


def planned(namespace, filter):
    table = load_catalog("default").load_table((namespace, "statements"))
    return sorted(task.file.file_path.removeprefix("s3://fleet/") for task in table.scan(filter).plan_files())


def again(key, name, change=lambda table: table, facts=None):
    """A segment's rows as another segment, of a third host."""
    table, footer = pq.read_table(io.BytesIO(read(key))), pq.read_metadata(io.BytesIO(read(key)))
    told = {k: v for k, v in footer.metadata.items() if k.startswith(b"interdict.")}
    first, last, _ = name.split("-", 2)
    told |= {b"interdict.first_seq": str(int(first)).encode(), b"interdict.last_seq": str(int(last)).encode()}
    told[b"interdict.host"] = b"host-3"
    column = table.schema.get_field_index("host")
    table = table.set_column(column, table.schema.field(column), pa.array(["host-3"] * table.num_rows))
    table = change(table).replace_schema_metadata(told | (facts or {}))
    out = io.BytesIO()
    pq.write_table(table, out)
    key = f"{key.rsplit('/', 1)[0]}/{name}"
    s3.put_object(Bucket="fleet", Key=key, Body=out.getvalue())
    return key


def first_run(namespace):
    told = register("--namespace", namespace, "--dry-run")
    wanted = {table: len(keys(table)) for table in TABLES}
    assert {name: one["registered"] for name, one in told["tables"].items()} == wanted, told
    assert wanted["statements"] == 6 and told["dry_run"], wanted
    assert (namespace,) not in load_catalog("default").list_namespaces(), "a dry run made something"
    told = register("--namespace", namespace, "--batch", "4")
    for table in TABLES:
        count = same(namespace, table)
        one = told["tables"][table]
        assert (one["registered"], one["registered_rows"], one["rows"]) == (wanted[table], count, count), one
    before = told
    told = register("--namespace", namespace, "--verify")
    for table in TABLES:
        one = told["tables"][table]
        assert (one["registered"], one["taken_out"]) == (0, 0), one
        assert one["snapshot"] == before["tables"][table]["snapshot"], "what changes nothing commits nothing"


def pruning(namespace):
    statements = keys("statements")
    second = [key for key in statements if "date=2026-03-02" in key]
    assert len(second) == 2
    assert planned(namespace, "requested_at >= '2026-03-02T00:00:00+00:00'") == second
    assert planned(namespace, "host = 'host-2'") == [key for key in statements if key.endswith("-host_2.parquet")]
    assert planned(namespace, "host = 'host-2' and requested_at >= '2026-03-02T00:00:00+00:00'") == second[1:]
    # By the bounds in the manifest: longer than the 16 letters that they usually have.
    assert planned(namespace, "identity = 'spiffe://clinic/another'") == []
    assert planned(namespace, "identity = 'spiffe://clinic/triage'") == statements
    table = load_catalog("default").load_table((namespace, "statements"))
    assert [one.name for one in table.spec().fields] == ["requested_at_day", "host"]


def evolution(namespace):
    """A newer interdict adds a column, and a field in a list's elements; an older one lacked a column."""
    statements = keys("statements")

    def newer(table):
        column = table.schema.get_field_index("relations")
        element = pa.struct([("name", pa.string()), ("access", pa.string()), ("owner", pa.string())])
        relations = [[one | {"owner": "app"} for one in row] for row in table["relations"].to_pylist()]
        table = table.set_column(column, "relations", pa.array(relations, pa.list_(element)))
        return table.append_column("cost", pa.array([7] * table.num_rows, pa.int64()))

    again(statements[0], "000000009001-000000009099-host_3.parquet", newer)
    again(statements[0], "000000008001-000000008099-host_3.parquet", lambda table: table.drop_columns(["subjects"]))
    told = register("--namespace", namespace)["tables"]["statements"]
    assert (told["registered"], sorted(told["columns_added"])) == (2, ["cost", "relations.element.owner"]), told
    table = load_catalog("default").load_table((namespace, "statements"))
    cost = table.scan(selected_fields=("cost", "host")).to_arrow().to_pylist()
    assert {row["cost"] for row in cost if row["host"] == "host-1"} == {None}
    assert {row["cost"] for row in cost if row["host"] == "host-3"} == {None, 7}
    owners = [one["owner"] for row in table.scan("cost = 7").to_arrow()["relations"].to_pylist() for one in row]
    assert owners and set(owners) == {"app"}, owners
    same(namespace, "statements")


def unfit(namespace):
    """What is not whole, or not what its name says, is left out and told; everything else is registered."""
    statements = keys("statements")
    good = again(statements[0], "000000007001-000000007099-host_3.parquet")
    why = {}
    for number, (reason, facts) in enumerate(
        {
            "its rows is 99999": {b"interdict.rows": b"99999"},
            "of version 2": {b"interdict.schema": b"2"},
            "its table is sessions": {b"interdict.table": b"sessions"},
            "its first_seq is 1": {b"interdict.first_seq": b"1"},
            "of the host host-9": {b"interdict.host": b"host-9"},
        }.items()
    ):
        why[again(statements[1], f"{5001 + number * 100:012}-{5099 + number * 100:012}-host_3.parquet", facts=facts)] = reason

    def many(table):
        column = table.schema.get_field_index("rows")
        return table.set_column(column, "rows", pa.array(["many"] * table.num_rows))

    def two_days(table):
        column = table.schema.get_field_index("requested_at")
        times = pa.array([10**15 + row * 10**12 for row in range(table.num_rows)], pa.timestamp("us", "UTC"))
        return table.set_column(column, "requested_at", times)

    why[again(statements[0], "000000006001-000000006099-host_3.parquet", many)] = "columns do not fit"
    why[again(statements[0], "000000006101-000000006199-host_3.parquet", two_days)] = "can't be given a partition"
    cut = {
        "000000006201-000000006299-host_3.parquet": (lambda whole: whole[:-100], "no readable footer"),
        "000000006301-000000006399-host_3.parquet": (lambda whole: b"", "no readable footer"),
        # Its footer is whole, and names more than there is.
        "000000006401-000000006499-host_3.parquet": (lambda whole: whole[:4] + whole[504:], "it is not whole"),
    }
    for name, (cutting, reason) in cut.items():
        key = again(statements[1], name)
        s3.put_object(Bucket="fleet", Key=key, Body=cutting(read(key)))
        why[key] = reason
    stray = f"{statements[1].rsplit('/', 1)[0]}/notes.txt"
    s3.put_object(Bucket="fleet", Key=stray, Body=b"not a segment")
    why[stray] = "name is not a segment's"
    told = register("--namespace", namespace, status=2)
    one = told["tables"]["statements"]
    assert not told["ok"] and one["registered"] == 1, one
    assert sorted(one["problems"]) == sorted(f"s3://fleet/{key}" for key in why), one["problems"]
    for key, reason in why.items():
        assert reason in one["problems"][f"s3://fleet/{key}"], (key, reason, one["problems"])
    same(namespace, "statements", [key for key in keys("statements") if key not in why])
    for key in why:
        s3.delete_object(Bucket="fleet", Key=key)
    register("--namespace", namespace)
    # One that was exchanged after it was registered.
    s3.put_object(Bucket="fleet", Key=good, Body=read(statements[-1]))
    assert list(register("--namespace", namespace, "--verify", status=2)["tables"]["statements"]["problems"]) == [f"s3://fleet/{good}"]
    s3.delete_object(Bucket="fleet", Key=good)


def deletion(namespace):
    statements = keys("statements")
    gone = [key for key in statements if "host_1" in key and "date=2026-03-01" in key]
    for key in gone + keys("grants"):
        s3.delete_object(Bucket="fleet", Key=key)
    # Of the last days nothing is missing: what is older is left as it is.
    told = register("--namespace", namespace, "--days", "1", "--dry-run")
    assert all(one["taken_out"] == 0 for one in told["tables"].values()), told
    told = register("--namespace", namespace, "--keep-snapshots", "0")
    one = told["tables"]["statements"]
    # With the one of `unfit`, where that ran.
    assert one["taken_out"] == len(gone) + (KIND == "sql"), one
    assert told["tables"]["grants"]["rows"] == 0 and same(namespace, "grants") == 0
    for table in TABLES:
        same(namespace, table)
        snapshots = load_catalog("default").load_table((namespace, table)).snapshots()
        assert len(snapshots) == 1, (table, snapshots)
    one = register("--namespace", namespace, "--verify")["tables"]["statements"]
    assert (one["taken_out"], one["registered"]) == (0, 0), one


def at_once(namespace):
    """Several runs that begin together: together they register every segment once."""
    told = [finished(one) for one in [start("--namespace", namespace, "--batch", "1") for _ in range(3)]]
    for table in TABLES:
        if not keys(table):
            continue
        done = sum(one["tables"][table]["registered"] for one in told)
        assert done == len(keys(table)), (table, done, len(keys(table)))
        same(namespace, table)


def refused(namespace):
    def error(*arguments, **more):
        return register(*arguments, status=2, **more)["error"]

    assert "no segments under" in error(record="s3://fleet/wrong")
    assert "expected s3://" in error(record="fleet")
    assert "has no nothing" in error("--tables", "nothing")
    assert "no segments under" in error("--namespace", namespace, record="s3://nobucket/audit")
    # The same tables for another record.
    for key in keys("policies"):
        s3.put_object(Bucket="fleet", Key=key.replace("audit/", "other/"), Body=read(key))
    assert "choose another --namespace" in error("--namespace", namespace, record="s3://fleet/other")
    # What a compaction leaves: a file of its own with the rows of segments.
    elsewhere = f"s3://fleet/{keys('policies')[0].replace('audit/', 'other/')}"
    load_catalog("default").load_table((namespace, "policies")).add_files([elsewhere])
    assert "was it rewritten" in error("--namespace", namespace, "--tables", "policies")


if KIND == "rest":
    boto3.client("s3tables", **ACCESS).create_table_bucket(name="lake")
else:
    s3.create_bucket(Bucket="lake")
first_run("interdict")
if KIND == "sql":
    pruning("interdict")
    evolution("interdict")
    unfit("interdict")
deletion("interdict")
if KIND != "glue":  # moto takes an update of whatever version, which Glue does not.
    at_once("together")
if KIND == "sql":
    refused("interdict")
