"""The bucket that `audit.ship` fills: its segments, and whether each is whole and what its name says."""

import re
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
from pyarrow import fs
from pyiceberg.io.pyarrow import PyArrowFileIO

# The version of the columns that this program knows (`interdict.schema` in every segment).
SCHEMA = "1"
NAME = re.compile(r"(\d{12,})-(\d{12,})-([A-Za-z0-9._]+)\.parquet")
DAY = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


class Failure(Exception):
    """What stops the run; told without a traceback."""


class Unfit(Exception):
    """Why a file is not registered."""


class Record:
    """The bucket that is shipped to."""

    def __init__(self, url, properties, workers):
        self.url = url.rstrip("/")
        if not re.match(r"[a-z0-9]+://", self.url):
            raise Failure(f"{url}: expected s3://BUCKET/PREFIX, as audit.ship.to has it")
        scheme, netloc, root = PyArrowFileIO.parse_location(self.url, properties)
        self.files = PyArrowFileIO(properties).fs_by_scheme(scheme, netloc)
        self.root = root.rstrip("/")
        self.pool = ThreadPoolExecutor(workers)

    def place(self, url):
        """The file system's name of an object of the record."""
        return self.root + url.removeprefix(self.url)

    def directories(self, *inside):
        there = self.files.get_file_info(fs.FileSelector("/".join((self.root, *inside)), allow_not_found=True))
        return sorted(info.base_name for info in there if info.type == fs.FileType.Directory)

    def tables(self):
        """Directories that have days in them."""
        return [name for name in self.directories() if any(DAY.fullmatch(day) for day in self.directories(name))]

    def segments(self, table, since):
        """The sizes of a table's segments by their URL, of days from `since` on; and what else is there, with why it is not one."""
        days = [day for day in self.directories(table) if (found := DAY.fullmatch(day)) and found[1] >= since]

        def of(day):
            return self.files.get_file_info(fs.FileSelector(f"{self.root}/{table}/{day}", allow_not_found=True))

        sizes, others = {}, {}
        for day, infos in zip(days, self.pool.map(of, days)):
            for info in infos:
                url = f"{self.url}/{table}/{day}/{info.base_name}"
                if info.type == fs.FileType.File and NAME.fullmatch(info.base_name):
                    sizes[url] = info.size
                else:
                    others[url] = "its name is not a segment's"
        return sizes, others

    def missing(self, urls):
        """Those that the store says it does not have, one by one. What may not be asked is an error, and not an absence."""
        infos = self.files.get_file_info([self.place(url) for url in urls])
        return [url for url, info in zip(urls, infos) if info.type == fs.FileType.NotFound]

    def footers(self, sizes):
        """The footers of segments that are whole and are what their names say, or why they are not."""

        def of(item):
            url, size = item
            try:
                return url, self.footer(url, size), None
            except Unfit as why:
                return url, None, str(why)

        return self.pool.map(of, sizes.items())

    def footer(self, url, size):
        try:
            with self.files.open_input_file(self.place(url)) as content:
                footer = pq.read_metadata(content)
        except (OSError, ValueError) as error:  # Arrow's errors are these.
            raise Unfit(f"it has no readable footer: {error}") from error
        table, day, name = url.removeprefix(self.url + "/").split("/")
        told = {key.decode(): value.decode() for key, value in (footer.metadata or {}).items() if key.startswith(b"interdict.")}
        first, last, host = NAME.fullmatch(name).groups()
        if told.get("interdict.schema") != SCHEMA:
            raise Unfit(f"its columns are of version {told.get('interdict.schema')}, and this program knows {SCHEMA}")
        wanted = {"table": table, "first_seq": str(int(first)), "last_seq": str(int(last)), "rows": str(footer.num_rows)}
        for key, value in wanted.items():
            if told.get(f"interdict.{key}") != value:
                raise Unfit(f"its {key} is {told.get(f'interdict.{key}')}, and should be {value}")
        if re.sub(r"[^A-Za-z0-9._]", "_", told.get("interdict.host", "")[:64]) != host:
            raise Unfit(f"it is of the host {told.get('interdict.host')}")
        groups = [footer.row_group(index) for index in range(footer.num_row_groups)]
        if sum(group.num_rows for group in groups) != footer.num_rows:
            raise Unfit("its row groups have other rows than it has")
        ends = [end_of(group.column(index)) for group in groups for index in range(group.num_columns)]
        if max(ends, default=0) + footer.serialized_size + 8 > size:
            raise Unfit(f"it is not whole: {size} bytes, and its footer names more")
        return footer


def end_of(chunk):
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    return start + chunk.total_compressed_size
