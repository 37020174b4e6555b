#!/usr/bin/env python3
"""Registers the segments that interdict ships to a bucket as Iceberg tables: one for each of the record's, by day and host.

Nothing is copied or rewritten: the tables' manifests name the segments where they are. Every run compares what the bucket has
with what the tables name, and makes up the difference: it can be repeated, stopped, and run twice at once. See docs/fleet.md.
"""

import argparse
import json
import logging
import sys
import traceback
from dataclasses import asdict

from bucket import Failure, Record
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError
from table import RECORD, Registrar, contended


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="The catalogue is PyIceberg's: .pyiceberg.yaml, or PYICEBERG_CATALOG__NAME__URI and others in the environment; its s3.* properties are also those for the record. Exit status: 0, or 2 if something failed or was left out.")
    parser.add_argument("record", metavar="s3://BUCKET/PREFIX", help="what audit.ship.to says")
    parser.add_argument("--catalog", default="default", metavar="NAME", help="the catalogue's name in PyIceberg's settings (default: default)")
    parser.add_argument("--namespace", default="interdict", help="of the tables (default: interdict)")
    parser.add_argument("--location", metavar="URL", help="where a new table's metadata goes: URL/TABLE (default: the catalogue's choice)")
    parser.add_argument("--tables", type=lambda text: text.split(","), metavar="A,B", help="only these")
    parser.add_argument("--days", type=int, metavar="N", help="look at the last N days only; what is older is left as it is")
    parser.add_argument("--keep-snapshots", type=float, default=7, metavar="DAYS", help="older ones are forgotten, but for the current (default: 7)")
    parser.add_argument("--batch", type=int, default=1000, metavar="N", help="segments in one commit (default: 1000)")
    parser.add_argument("--workers", type=int, default=16, metavar="N", help="requests at a time (default: 16)")
    parser.add_argument("--verify", action="store_true", help="read the footers of all registered segments again")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done")
    parser.add_argument("--json", action="store_true", help="tell it as one JSON object")
    parser.add_argument("--trace", action="store_true", help="show where an error comes from")
    return parser.parse_args()


def run(args):
    catalog = contended(lambda: load_catalog(args.catalog))
    record = Record(args.record, catalog.properties, args.workers)
    there = record.tables()
    if not there:
        # A wrong prefix looks like a record of which retention has deleted everything.
        raise Failure(f"no segments under {record.url}: is it what audit.ship.to says?")
    tables = sorted({*there, *emptied(catalog, record, args.namespace, there)})
    if args.tables:
        if unknown := set(args.tables) - set(tables):
            raise Failure(f"{record.url} has no {', '.join(sorted(unknown))}, but {', '.join(tables)}")
        tables = [name for name in tables if name in args.tables]
    return {name: Registrar(catalog, record, name, args).run() for name in tables}


def emptied(catalog, record, namespace, there):
    """The record's tables of which the bucket has nothing left."""
    try:
        names = catalog.list_tables(tuple(namespace.split(".")))
    except NoSuchNamespaceError:
        return
    for name in names:
        if name[-1] not in there and catalog.load_table(name).properties.get(RECORD) == record.url:
            yield name[-1]


def tell(args, outcomes):
    problems = {url: why for outcome in outcomes.values() for url, why in outcome.problems.items()}
    if args.json:
        print(json.dumps({"record": args.record, "dry_run": args.dry_run, "ok": not problems, "tables": {name: asdict(outcome) for name, outcome in outcomes.items()}}))
        return 2 if problems else 0
    for name, outcome in outcomes.items():
        would = "would be " if args.dry_run else ""
        line = f"{name}: {outcome.registered} segments with {outcome.registered_rows} rows {would}registered, {outcome.taken_out} {would}taken out"
        if outcome.columns_added:
            line += f", new columns {', '.join(outcome.columns_added)}"
        print(line if args.dry_run else f"{line}; the table has {outcome.files} with {outcome.rows} rows")
    for url, why in problems.items():
        print(f"register.py: left out: {url}: {why}", file=sys.stderr)
    return 2 if problems else 0


def main():
    args = arguments()
    # It warns of every column that was written without bounds, as the hashes are.
    logging.getLogger("pyiceberg").setLevel(logging.ERROR)
    try:
        return tell(args, run(args))
    except Failure as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001 -- of four libraries, whose errors share no other ancestor.
        message = f"{type(error).__name__}: {error}"
    if args.trace:
        traceback.print_exc()
    if args.json:
        print(json.dumps({"record": args.record, "dry_run": args.dry_run, "ok": False, "error": message}))
    print(f"register.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
