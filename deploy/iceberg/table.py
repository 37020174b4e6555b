"""One table of the catalogue: makes it name the segments that the bucket has, and no others."""

import random
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice

from bucket import DAY, Failure
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationError,
)
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.transforms import DayTransform, IdentityTransform

try:  # Only where the catalogue is one of SQL.
    from sqlalchemy.exc import OperationalError as DatabaseBusy
except ImportError:
    DatabaseBusy = CommitFailedException

# After these the state is looked at anew, whoever won.
CONTENDED = (CommitFailedException, CommitStateUnknownException, DatabaseBusy)
ATTEMPTS = 10
TIME_COLUMN = {"sessions": "started_at", "statements": "requested_at"}  # Of the others: `at`.

# Searched for whole: the first 16 letters, which are the usual bound, are the same for all of a trust domain.
SEARCHED = ("host", "service", "identity", "session_id", "statement_id", "fingerprint")
PROPERTIES = {
    # A run a few minutes: without this, a manifest for each.
    "commit.manifest-merge.enabled": "true",
    # PyIceberg's own retry puts an append on top of whatever came meanwhile, which may have been the same files.
    "commit.retry.num-retries": "0",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}
MAPPING = "schema.name-mapping.default"
RECORD = "interdict.record"


@dataclass
class Outcome:
    """What became of one table."""

    registered: int = 0
    registered_rows: int = 0
    taken_out: int = 0
    columns_added: list = field(default_factory=list)
    files: int = 0
    rows: int = 0
    snapshot: int | None = None
    problems: dict = field(default_factory=dict)


class Registrar:
    """One table of the record, and of the catalogue."""

    def __init__(self, catalog, record, table, args):
        self.catalog, self.record, self.table, self.args = catalog, record, table, args
        self.identifier = (*args.namespace.split("."), table)
        self.outcome = Outcome()
        # What this run registered, with the rows that the footers say.
        self.added = {}
        # The snapshot that this run goes by.
        self.head = None

    def run(self):
        """Until it went through without another's commit in between."""
        contended(self.register)
        if not self.args.dry_run:
            contended(self.expire)
            self.verify()
        return self.outcome

    def load(self):
        try:
            return self.catalog.load_table(self.identifier)
        except (NoSuchTableError, NoSuchNamespaceError):
            return None

    def register(self):
        table = self.load()
        since = ""
        if self.args.days is not None:
            since = (datetime.now(timezone.utc) - timedelta(days=self.args.days)).date().isoformat()
        sizes, problems = self.record.segments(self.table, since)
        self.outcome.problems = problems
        known = {file.file_path for file in data_files(table)}
        self.head = head(table)
        self.refuse_strangers(table, known)
        absent = [url for url in known if url not in sizes and DAY.search(url)[1] >= since]
        self.take_out(table, set(self.record.missing(absent)))
        fresh = iter(sorted((item for item in sizes.items() if item[0] not in known), key=by_day))
        while batch := dict(islice(fresh, self.args.batch)):
            footers = {}
            for url, footer, why in self.record.footers(batch):
                if footer is None:
                    problems[url] = why
                else:
                    footers[url] = footer
            if footers:
                table = self.add(table, footers, batch)

    def refuse_strangers(self, table, known):
        """Where others have written, what they wrote may hold the rows of segments: to go on might count rows twice."""
        if table is None:
            return
        record = table.properties.get(RECORD)
        if record != self.record.url:
            raise Failure(f"{self.named()} is not of {self.record.url}, but of {record}: choose another --namespace")
        if table.current_snapshot() and int(table.current_snapshot().summary["total-delete-files"] or 0):
            raise Failure(f"rows were deleted from {self.named()} by another program: drop the table (not its files), and run this again")
        inside = f"{self.record.url}/{self.table}/"
        stranger = next((url for url in known if not url.startswith(inside) or not DAY.search(url)), None)
        if stranger:
            raise Failure(f"{self.named()} has {stranger}, which is not the record's: was it rewritten? Drop the table (not its files), and run this again")

    def named(self):
        return ".".join(self.identifier)

    def create(self, schema):
        location = self.args.location and f"{self.args.location.rstrip('/')}/{self.table}"
        try:
            self.catalog.create_namespace_if_not_exists(self.identifier[:-1])
        except NamespaceAlreadyExistsError:
            pass
        try:
            return self.catalog.create_table(self.identifier, schema, location, properties={RECORD: self.record.url})
        except TableAlreadyExistsError:
            return self.catalog.load_table(self.identifier)

    def prepare(self, table):
        """Sets what a table needs before its first segment; also of one whose creation was interrupted."""
        names = {column.name for column in table.schema().fields}
        wanted = PROPERTIES | {f"write.metadata.metrics.column.{name}": "full" for name in SEARCHED if name in names}
        if MAPPING not in table.properties:  # Later columns are added to it with the column.
            wanted[MAPPING] = table.schema().name_mapping.model_dump_json()
        wanted = {key: value for key, value in wanted.items() if table.properties.get(key) != value}
        partition = table.current_snapshot() is None and table.spec().is_unpartitioned()
        if wanted or partition:
            with table.transaction() as change:
                if wanted:
                    change.set_properties(wanted)
                if partition:
                    time_column = TIME_COLUMN.get(self.table, "at")
                    with change.update_spec() as spec:
                        spec.add_field(time_column, DayTransform(), f"{time_column}_day")
                        spec.add_field("host", IdentityTransform(), "host")
        return table

    def add(self, table, footers, sizes):
        """Registers a batch in one commit, with the columns that are new in it."""
        schemas = {url: footer.schema.to_arrow_schema().remove_metadata() for url, footer in footers.items()}
        first = next(iter(schemas.values()))
        before = set(table.schema().column_names if table else first.names)
        after = [name for schema in schemas.values() for name in schema.names]
        rows = {url: footer.num_rows for url, footer in footers.items()}
        if not self.args.dry_run:
            table = self.prepare(table or self.create(first))
            before |= set(table.schema().column_names)
            if head(table) != self.head:
                raise CommitFailedException("another run came in between")
            rows = self.commit(table, footers, sizes, schemas)
            self.head = head(table)
            after = table.schema().column_names
        self.added |= rows
        self.outcome.columns_added += [name for name in dict.fromkeys(after) if name not in before]
        self.outcome.registered += len(rows)
        self.outcome.registered_rows += sum(rows.values())
        return table

    def commit(self, table, footers, sizes, schemas):
        rows, files, seen = {}, [], []
        with table.transaction() as change:
            for url, schema in schemas.items():
                try:
                    if schema not in seen:
                        change.update_schema().union_by_name(schema).commit()
                        seen.append(schema)
                except (ValueError, ValidationError) as error:
                    self.outcome.problems[url] = f"its columns do not fit the table's: {error}"
            for url in [url for url, schema in schemas.items() if schema in seen]:
                try:
                    files.append(data_file(change.table_metadata, url, sizes[url], footers[url]))
                    rows[url] = footers[url].num_rows
                except ValueError as error:
                    self.outcome.problems[url] = f"it can't be given a partition: {error}"
            if files:
                with change.update_snapshot().merge_append() as snapshot:
                    for file in files:
                        snapshot.append_data_file(file)
        return rows

    def take_out(self, table, gone):
        if gone and not self.args.dry_run:
            self.prepare(table)
            if head(table) != self.head:
                raise CommitFailedException("another run came in between")
            with table.transaction() as change, change.update_snapshot().overwrite() as snapshot:
                for file in data_files(table):
                    if file.file_path in gone:
                        snapshot.delete_data_file(file)
            self.head = head(table)
        self.outcome.taken_out += len(gone)

    def expire(self):
        table = self.load()
        if table is None:
            return
        limit = datetime.now(timezone.utc) - timedelta(days=self.args.keep_snapshots)
        old = [one for one in table.snapshots() if one.timestamp_ms < limit.timestamp() * 1000]
        if any(one.snapshot_id != table.metadata.current_snapshot_id for one in old):
            table.maintenance.expire_snapshots().older_than(limit).commit()

    def verify(self):
        """Reads the manifests anew: each segment once, and with as many rows as its footer says."""
        table = self.load()
        if table is None:
            return
        problems, known = self.outcome.problems, {}
        snapshot = table.current_snapshot()
        for file in data_files(table):
            if file.file_path in known:
                problems[file.file_path] = "it is registered twice"
            known[file.file_path] = file.record_count, file.file_size_in_bytes
        self.outcome.files = len(known)
        self.outcome.rows = sum(rows for rows, _ in known.values())
        self.outcome.snapshot = snapshot and snapshot.snapshot_id
        for url, rows in self.added.items():
            # Another run may have taken out what retention deleted meanwhile.
            if url in known and known[url][0] != rows:
                problems[url] = f"the manifest has {known[url][0]} rows, and the footer {rows}"
        total = int(snapshot.summary["total-records"]) if snapshot else 0
        if total != self.outcome.rows:
            problems[self.named()] = f"the snapshot has {total} rows, and its manifests {self.outcome.rows}"
        if self.args.verify:
            sizes, _ = self.record.segments(self.table, "")
            for url, footer, why in self.record.footers({url: sizes[url] for url in known if url in sizes}):
                if footer is None:
                    problems[url] = why
                elif (footer.num_rows, sizes[url]) != known[url]:
                    problems[url] = "it has other rows or bytes than when it was registered"


def data_file(metadata, url, size, footer):
    """What PyIceberg's `add_files` makes of a file, of a footer that was read already and with the record's own access."""
    schema, spec = metadata.schema(), metadata.spec()
    statistics = data_file_statistics_from_parquet_metadata(
        parquet_metadata=footer,
        stats_columns=compute_statistics_plan(schema, metadata.properties),
        parquet_column_mapping=parquet_path_to_id_mapping(schema),
    )
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=url,
        file_format=FileFormat.PARQUET,
        # Of the least and the greatest value: an error, if they are of two days or two hosts.
        partition=statistics.partition(spec, schema),
        file_size_in_bytes=size,
        sort_order_id=None,
        spec_id=metadata.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )


def head(table):
    snapshot = table and table.current_snapshot()
    return snapshot and snapshot.snapshot_id


def data_files(table):
    snapshot = table and table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot else ():
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            yield entry.data_file


def by_day(item):
    """Old days first, and within a day by host: files that are pruned together share a manifest."""
    day, name = item[0].rsplit("/", 2)[1:]
    first, _, host = name.split("-", 2)
    return day, host, first


def contended(work):
    for left in reversed(range(ATTEMPTS)):
        try:
            return work()
        except CONTENDED as error:
            if left == 0:
                raise Failure(f"others commit all the time: {error}") from error
            time.sleep(random.uniform(0.1, 2))
