"""The lake: rows of every kind as Parquet files, on a disk or on object storage.

A file is `root/shop/name.parquet`, or `root/shop/name/partition.parquet` for what comes in pieces. It appears complete
or not at all: whoever reads sees the old file or the new one, and a writer that dies leaves the old one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from connector.state.errors import StateError, StateMistake
from connector.state.home import private_directory

LAKE_VARIABLE = "CONNECTOR_LAKE"
ROWS = 2_000  # in a row group, and at most in a table that is read: as Python objects a row takes kilobytes

_LEFT_BEHIND_SECONDS = 3600.0
_ON_DISK = ("", "file", "local")
_DISK_ADVICE = "Check the room on the disk and the access to it"
_BUCKET_ADVICE = f"Check that the bucket of {LAKE_VARIABLE} exists, can be reached, and takes the credentials"


class LakeMissing(StateError):
    """Nothing was ever written there."""


def open_lake(home: Path) -> Lake:
    """The lake at `$CONNECTOR_LAKE` (a path, or a URL such as `s3://bucket/path`), else in `home/lake`."""
    address = os.environ.get(LAKE_VARIABLE) or str(home / "lake")
    try:
        # The storage's client remembers what it has listed, but other workers write there too.
        remote = "://" in address
        root = UPath(address, use_listings_cache=False) if remote else UPath(Path(address).expanduser().absolute())
        _tell_once(root)  # asked for now: tells here, not at the first write, when the storage's package is missing
        return Lake(root, home / "uploads")
    except (ImportError, ValueError) as error:
        raise StateMistake(
            LAKE_VARIABLE,
            f"The lake {address} cannot be opened ({error}). Nothing was done. "
            f"Install the package that serves it, or point {LAKE_VARIABLE} to a directory.",
        ) from error


def _tell_once(root: UPath) -> None:
    """A storage that goes away fails the call, which tells it; the client's own task would print a traceback too."""
    if root.fs.async_impl:
        root.fs.loop.set_exception_handler(lambda _loop, _context: None)


class Lake:
    """Tables by shop, name and partition. Every method raises `StateError` when the storage fails."""

    def __init__(self, root: UPath, uploads: Path | None = None) -> None:
        """`uploads` is where files lie that are on their way to object storage."""
        self.root = root
        self._uploads = uploads or Path(tempfile.gettempdir())
        self._local = Path(root.path) if root.protocol in _ON_DISK else None

    def write(self, shop: str, name: str, partition: str | None, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
        """Replaces one file by the tables, as they come, and gives their number of rows. No table makes an empty file.

        What `tables` itself raises comes out unchanged, and the old file stays.
        """
        target = self._file(shop, name, partition)
        with _storage(target, "written"):
            temporary = self._temporary(target)
        try:
            rows = _fill(temporary, target, tables, schema)
            with _storage(target, "written"):
                self._place(temporary, target)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        return rows

    def read(self, shop: str, name: str, partition: str | None = None) -> Iterator[pa.Table]:
        """The file's rows, in order, in tables of at most 2,000 that are read when asked for; at least one table.

        Raises `LakeMissing` at once when there is no such file.
        """
        target = self._file(shop, name, partition)
        with _storage(target, "read"):
            file = pq.ParquetFile(self._source(target, whole=partition is not None))
        return _batches(file, target)

    def exists(self, shop: str, name: str, partition: str | None = None) -> bool:
        """Whether `read` would find the file."""
        target = self._file(shop, name, partition)
        try:
            with _storage(target, "read"):
                target.fs.info(target.path)  # `exists` takes a bucket that is gone for an absent file
        except LakeMissing:
            return False
        return True

    def partitions(self, shop: str, name: str) -> list[str]:
        """The partitions of that name, sorted."""
        folder = self.root / shop / name
        with _storage(folder, "read"):
            files = list(folder.iterdir()) if folder.exists() else []
        return sorted(file.stem for file in files if file.suffix == ".parquet" and not file.name.startswith("."))

    def files(self, shop: str) -> list[tuple[str, str | None]]:
        """Name and partition of every file of the shop, sorted."""
        folder = self.root / shop
        found: list[tuple[str, str | None]] = []
        with _storage(folder, "read"):
            for each in folder.iterdir() if folder.exists() else []:
                if each.is_dir():
                    found += [(each.name, partition) for partition in self.partitions(shop, each.name)]
                elif each.suffix == ".parquet" and not each.name.startswith("."):
                    found.append((each.stem, None))
        return sorted(found, key=str)

    def delete(self, shop: str, name: str, partition: str | None = None) -> None:
        """Removes the file if it is there."""
        target = self._file(shop, name, partition)
        with _storage(target, "deleted"), suppress(FileNotFoundError):
            target.unlink()

    def delete_shop(self, shop: str) -> None:
        """Removes every file of the shop."""
        folder = self.root / shop
        with _storage(folder, "deleted"), suppress(FileNotFoundError):
            folder.fs.rm(folder.path, recursive=True)

    def _file(self, shop: str, name: str, partition: str | None) -> UPath:
        folder = self.root / shop
        return folder / f"{name}.parquet" if partition is None else folder / name / f"{partition}.parquet"

    def _source(self, target: UPath, *, whole: bool) -> Path | pa.NativeFile | BinaryIO:
        """What Parquet is read from. `whole` fetches it at once: opening an object asks for its size first.

        Pieces are small, and a history has thousands of them; what is in one file may be large.
        """
        if self._local:
            return Path(target.path)
        if not whole:
            return target.open("rb")
        return pa.BufferReader(target.fs.cat_file(target.path, start=0))  # without a start s3fs asks for the size too

    def _temporary(self, target: UPath) -> Path:
        """An empty file of mode 0600: next to a local target, so that it can be renamed, else among the uploads."""
        folder = private_directory(Path(target.path).parent if self._local else self._uploads)
        _sweep(folder)
        return _made(tempfile.mkstemp(prefix=f".{target.stem}.", suffix=".tmp", dir=folder))

    def _place(self, temporary: Path, target: UPath) -> None:
        if not self._local:
            # An object shows up when its upload is complete; one that is broken off leaves nothing.
            target.fs.put_file(str(temporary), target.path)
            return
        final = Path(target.path)
        _settle(temporary)  # a rename that outlives a power cut must not name a file whose bytes did not
        os.replace(temporary, final)
        _settle(final.parent)


def _fill(temporary: Path, target: UPath, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    rows = 0
    with _storage(target, "written"):
        writer = pq.ParquetWriter(temporary, schema, compression="zstd")
    try:
        for table in _gathered(tables, schema):
            with _storage(target, "written"):
                writer.write_table(table, row_group_size=ROWS)
            rows += table.num_rows
    except BaseException:
        with suppress(Exception):
            writer.close()
        raise
    with _storage(target, "written"):
        writer.close()
    return rows


def _gathered(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Joins small tables, because each one written is a row group of its own."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        if not table.schema.equals(schema):
            raise ValueError(f"a table of other columns than the file's: {table.schema} instead of {schema}")
        waiting.append(table)
        rows += table.num_rows
        if rows >= ROWS:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if rows:
        yield pa.concat_tables(waiting)


def _batches(file: pq.ParquetFile, target: UPath) -> Iterator[pa.Table]:
    with file:
        schema = file.schema_arrow
        batches = file.iter_batches(batch_size=ROWS)
        empty = True
        while True:
            with _storage(target, "read"):
                batch = next(batches, None)
            if batch is None:
                break
            empty = False
            yield pa.Table.from_batches([batch], schema)
        if empty:
            yield schema.empty_table()


def _sweep(folder: Path) -> None:
    """Removes what writers that were killed left behind: it takes room, and holds personal data."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(".tmp"):
                with suppress(FileNotFoundError):
                    if time.time() - entry.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                        os.unlink(entry.path)


def _made(temporary: tuple[int, str]) -> Path:
    descriptor, path = temporary
    os.close(descriptor)
    return Path(path)


def _settle(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storage(target: UPath, done: str) -> Iterator[None]:
    """Turns the storage's failures into sentences."""
    try:
        yield
    except Exception as error:  # an object store's client raises errors of its own
        if isinstance(error, FileNotFoundError) and done == "read" and not _bucket_is_gone(error):
            raise LakeMissing(
                f"The lake has no file {target}. It is made when the asset that it belongs to is run."
            ) from error
        raise StateError(
            f"The lake's file {target} could not be {done} ({error}). What was there before is kept. "
            f"{_DISK_ADVICE if target.protocol in _ON_DISK else _BUCKET_ADVICE}, then run again."
        ) from error


def _bucket_is_gone(error: FileNotFoundError) -> bool:
    """Whether all files are missing, not this one: what was read before is lost, or the address is wrong."""
    answer = getattr(error.__cause__, "response", None) or {}
    return bool(answer.get("Error", {}).get("Code") == "NoSuchBucket")
