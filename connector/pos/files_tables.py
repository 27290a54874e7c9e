"""The rows of one kind of an export folder: which files they are in, whether these have the columns, each row as text.

CSV and Parquet are read in pieces, never whole. What is written by the conventions of the account (decimal comma, order
of a date) is put into the form of `connector.pos.rows` here; what cannot be is left as it is, with a problem.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connector.config_files import AnyFile, FilesAccount
from connector.pos.protocol import PosError
from connector.pos.row_reader import shown

_ROWS = 8192  # of a Parquet file at once
_NUMBERS = frozenset(
    {"total", "quantity", "price", "promo_price", "available", "tax_rate", "loyalty_points", "store_credit"}
    | {"prepaid_balance"}
)
_DATES = frozenset({"closed_at", "day", "birth_date", "last_order_date", "updated_at"})
_COMMA = re.compile(r"([+-]?)(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d*))?", re.ASCII)
_DATE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[ T]+(\d{1,2}):(\d{2})(:\d{2})?)?", re.ASCII)

State = tuple[tuple[str, int, int, int], ...]  # of files: name, size, time of change, inode


@dataclass
class FileRow:
    """One row: the texts of its mapped fields, and what is wrong with how they are written."""

    texts: dict[str, str]
    problems: list[str] = field(default_factory=list)


class Table:
    """The files of one kind (`stores`, `sales`, ...) of an account."""

    def __init__(self, account: FilesAccount, kind: str, about: AnyFile) -> None:
        self.kind, self.pattern = kind, about.file
        self._account, self._folder = account, Path(account.folder)
        columns = about.columns.model_dump()
        self.columns: dict[str, str] = {name: column for name, column in columns.items() if column is not None}
        self.what = f"files account {account.account}: {kind}"

    def files(self) -> list[Path]:
        """Newest first, as their names say. Raises `PosError` when there is none."""
        try:
            found = sorted((path for path in self._folder.glob(self.pattern) if path.is_file()), reverse=True)
        except OSError as error:
            raise PosError(f"{self.what}: {self._folder} cannot be read: {_reason(error)}") from None
        if not found:
            missing = "" if self._folder.is_dir() else ", and no such folder"
            raise PosError(
                f"{self.what}: there is no file {self.pattern} in {self._folder}{missing}. Nothing was read: check "
                f"pos.folder and pos.{self.kind}.file, and whether the till has exported."
            )
        return found

    def state(self) -> State:
        """What changes when a file does, or when one comes or goes."""
        found = []
        for path in self.files():
            try:
                stat = path.stat()
            except OSError as error:
                raise PosError(f"{self.what}: {path.name} cannot be read: {_reason(error)}") from None
            found.append((path.name, stat.st_size, stat.st_mtime_ns, stat.st_ino))
        return tuple(found)

    def written_on(self) -> date:
        """The day (in UTC) on which the newest of the files was written."""
        latest = max(changed for _, _, changed, _ in self.state())
        return min(datetime.fromtimestamp(latest / 1e9, UTC), datetime.now(UTC)).date()

    def faults(self) -> list[str]:
        """What keeps the files from being read as the mapping says, a sentence each. Reads no row."""
        try:
            files = self.files()
        except PosError as error:
            return [str(error)]
        found = []
        for path in files:
            try:
                self._places(path, self._header(path))
            except PosError as error:
                found.append(str(error))
        return found

    def rows(self) -> Iterator[tuple[int, FileRow]]:
        """Every row with the number of its file, the newest file first. Raises `PosError` when one cannot be read."""
        for number, path in enumerate(self.files()):
            for row in self._parquet(path) if _is_parquet(path) else self._csv(path):
                yield number, row

    # --- CSV

    def _csv(self, path: Path) -> Iterator[FileRow]:
        with self._reading(path) as lines:
            places = self._places(path, next(lines, []))
            width, dress = lines.width, _dresser(self._account)
            for cells in lines:
                if not cells:  # an empty line
                    continue
                row = FileRow({name: cells[place] if place < len(cells) else "" for name, place in places.items()})
                if len(cells) != width:
                    row.problems.append(f"row: line {lines.number} of {path.name} has {len(cells)} cells, not {width}")
                dress(row)
                yield row

    def _reading(self, path: Path) -> _Lines:
        return _Lines(self._account, path, self.what)

    # --- Parquet

    def _parquet(self, path: Path) -> Iterator[FileRow]:
        with _open_parquet(path, self.what) as file:
            names = {name: _names(file)[place] for name, place in self._places(path, _names(file)).items()}
            for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(names.values()))):
                texts = [_as_texts(batch.column(column)) for column in names.values()]
                for values in zip(*texts, strict=True):
                    yield FileRow(dict(zip(names, values, strict=True)))

    # --- columns

    def _header(self, path: Path) -> Sequence[str]:
        if _is_parquet(path):
            with _open_parquet(path, self.what) as file:
                return _names(file)
        with self._reading(path) as lines:
            return next(lines, [])

    def _places(self, path: Path, header: Sequence[str]) -> dict[str, int]:
        """Where in a row each mapped field is. Raises `PosError` that names every column that is not there."""
        names = [name.strip() for name in header]
        if not any(names):
            raise PosError(
                f"{self.what}: {path.name} is empty: it has not even the line that names its columns. Nothing of it was read."
            )
        missing = [f"{column!r} (for {name})" for name, column in self.columns.items() if column not in names]
        if missing:
            raise PosError(
                f"{self.what}: {path.name} has no column {' and no column '.join(missing)}; its columns are "
                f"{', '.join(names)}. Nothing was read: correct pos.{self.kind}.columns, pos.delimiter or the export."
            )
        twice = [column for column in self.columns.values() if names.count(column) > 1]
        if twice:
            raise PosError(
                f"{self.what}: {path.name} has several columns {twice[0]!r}, so nobody knows which is meant."
            )
        return {name: names.index(column) for name, column in self.columns.items()}


class _Lines:
    """The lines of a CSV file as lists of cells. A context manager; whatever cannot be read is a `PosError`."""

    def __init__(self, account: FilesAccount, path: Path, what: str) -> None:
        self._what, self._path, self._encoding = what, path, account.encoding
        encoding = "utf-8-sig" if account.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else account.encoding
        try:
            self._file = path.open(encoding=encoding, newline="")
        except OSError as error:
            raise PosError(f"{what}: {path.name} cannot be read: {_reason(error)}") from None
        # strict: a quote that is never closed would swallow the rest of the file
        self._cells = csv.reader(self._file, delimiter=account.delimiter, strict=True)
        self.width = 0  # cells of the first line

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        try:
            cells = next(self._cells)
        except UnicodeError:
            raise PosError(
                f"{self._what}: {self._path.name} is not {self._encoding} after line {self.number}. Nothing of it was "
                "used: set pos.encoding to how the till writes (cp1252, say)."
            ) from None
        except csv.Error as error:
            raise PosError(
                f"{self._what}: {self._path.name} is no CSV near line {self.number + 1}: {error}. Nothing of it was used."
            ) from None
        except OSError as error:
            raise PosError(f"{self._what}: {self._path.name} cannot be read: {_reason(error)}") from None
        self.width = self.width or len(cells)
        return cells

    @property
    def number(self) -> int:
        """Lines read so far."""
        return self._cells.line_num


def _dresser(account: FilesAccount) -> Callable[[FileRow], None]:
    """What puts a CSV row into the form of `connector.pos.rows`."""

    def dress(row: FileRow) -> None:
        for name, text in row.texts.items():
            if not text:
                continue
            if account.decimal == "," and name in _NUMBERS:
                row.texts[name] = _with_point(name, text, row.problems)
            elif account.dates != "year_first" and name in _DATES:
                row.texts[name] = _year_first(text, account.dates)

    return dress


def _with_point(name: str, text: str, problems: list[str]) -> str:
    """A number with decimal comma, its thousands apart by spaces or points, as plain decimal text."""
    bare = re.sub(r"[\s\u00a0\u202f]", "", text)
    match = _COMMA.fullmatch(bare)
    if match is None:
        if any(mark in bare for mark in ".,"):  # 12.50 may mean another number than it says
            problems.append(f"{name}: {shown(text)} is not a number with a decimal comma")
        return text
    return match[1] + match[2].replace(".", "") + (f".{match[3]}" if match[3] else "")


def _year_first(text: str, order: str) -> str:
    """`17/10/2026 14:03` as `2026-10-17 14:03`; what is not written so is left as it is."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return text
    day, month = (match[1], match[2]) if order == "day_first" else (match[2], match[1])
    time = f" {match[4]:0>2}:{match[5]}{match[6] or ''}" if match[4] else ""
    return f"{match[3]}-{month:0>2}-{day:0>2}{time}"


def _as_texts(column: pa.Array) -> list[str]:
    """Values of any type as the text that a CSV file would have; null and NaN are ""."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return [text or "" for text in pc.cast(column, pa.string()).to_pylist()]


@contextmanager
def _open_parquet(path: Path, what: str) -> Iterator[pq.ParquetFile]:
    """An open Parquet file; whatever cannot be read of it while it is open is a `PosError`."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise PosError(f"{what}: {path.name} cannot be read as Parquet: {_first_line(error)}") from None


def _names(file: pq.ParquetFile) -> list[str]:
    return list(file.schema_arrow.names)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
