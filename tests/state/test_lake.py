"""The lake: tables come back as they went in, and a file is there in full or not at all."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from upath import UPath

from connector.state.errors import StateError
from connector.state.lake import Lake, LakeMissing, open_lake
from tests.shared_state import ACCESS, ObjectStorage

SCHEMA = pa.schema([pa.field("id", pa.int64()), pa.field("total", pa.string())])


def table(*ids: int) -> pa.Table:
    return pa.table({"id": list(ids), "total": [f"{i}.50" for i in ids]}, schema=SCHEMA)


def ids(lake: Lake, name: str, partition: str | None = None) -> list[int]:
    return pa.concat_tables(lake.read("maison-lea", name, partition)).column("id").to_pylist()


@pytest.fixture
def bucket(object_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket that `CONNECTOR_LAKE` points to."""
    name = object_storage.new_bucket()
    for variable, value in object_storage.environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("CONNECTOR_LAKE", f"s3://{name}/some/where")
    return name


@pytest.fixture(params=["local", "object storage"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "object storage":
        request.getfixturevalue("bucket")
    return open_lake(tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> Lake:
    return Lake(UPath(tmp_path / "lake"))


@pytest.mark.usefixtures("bucket")
def test_what_fails_beside_a_call_of_the_storage_prints_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = open_lake(tmp_path).root.fs

    async def write() -> None:
        raise OSError("Cannot write to closing transport")

    async def start() -> None:
        task = asyncio.get_running_loop().create_task(write())
        await asyncio.wait([task])

    asyncio.run_coroutine_threadsafe(start(), storage.loop).result(10)
    gc.collect()
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), storage.loop).result(10)
    assert caplog.text == ""


def test_tables_are_read_back_in_their_order_and_with_their_schema(lake: Lake) -> None:
    assert lake.write("maison-lea", "products", None, [table(3, 1), table(2)], SCHEMA) == 3

    assert ids(lake, "products") == [3, 1, 2]
    assert {part.schema for part in lake.read("maison-lea", "products")} == {SCHEMA}


def test_reading_gives_at_most_ten_thousand_rows_at_a_time(lake: Lake) -> None:
    lake.write("maison-lea", "products", None, (table(*range(i, i + 4_000)) for i in range(0, 28_000, 4_000)), SCHEMA)

    sizes = [part.num_rows for part in lake.read("maison-lea", "products")]
    assert max(sizes) <= 10_000
    assert ids(lake, "products") == list(range(28_000))


def test_an_empty_day_is_a_file_with_columns_and_no_rows(lake: Lake) -> None:
    assert lake.write("maison-lea", "pos_sales", "2026-11-01", [], SCHEMA) == 0

    assert [(part.schema, part.num_rows) for part in lake.read("maison-lea", "pos_sales", "2026-11-01")] == [
        (SCHEMA, 0)
    ]


def test_writing_again_replaces_the_file(lake: Lake) -> None:
    lake.write("maison-lea", "products", None, [table(1, 2)], SCHEMA)
    lake.write("maison-lea", "products", None, [table(3)], SCHEMA)

    assert ids(lake, "products") == [3]


def test_partitions_names_and_shops_are_apart(lake: Lake) -> None:
    for day, number in (("2026-11-02", 2), ("2026-11-01", 1)):
        lake.write("maison-lea", "pos_sales", day, [table(number)], SCHEMA)
    lake.write("maison-lea", "pos_sales", None, [table(9)], SCHEMA)
    lake.write("other", "pos_sales", "2026-11-03", [table(3)], SCHEMA)

    assert lake.partitions("maison-lea", "pos_sales") == ["2026-11-01", "2026-11-02"]
    assert ids(lake, "pos_sales", "2026-11-02") == [2]
    assert ids(lake, "pos_sales") == [9]
    assert lake.partitions("maison-lea", "pos_products") == []


def test_the_files_have_plain_places(local: Lake) -> None:
    local.write("maison-lea", "products", None, [table(1)], SCHEMA)
    local.write("maison-lea", "pos_sales", "2026-11-01", [table(1)], SCHEMA)

    root = Path(local.root.path)
    files = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
    assert files == {"maison-lea/products.parquet", "maison-lea/pos_sales/2026-11-01.parquet"}


def test_what_was_never_written_is_missing_and_says_so_at_once(lake: Lake) -> None:
    assert not lake.exists("maison-lea", "products")

    with pytest.raises(LakeMissing, match=r"no file .*maison-lea/products\.parquet"):
        lake.read("maison-lea", "products")


def test_deleting_removes_the_file_and_does_not_mind_its_absence(lake: Lake) -> None:
    lake.write("maison-lea", "pos_sales", "2026-11-01", [table(1)], SCHEMA)
    for _ in range(2):
        lake.delete("maison-lea", "pos_sales", "2026-11-01")

    assert not lake.exists("maison-lea", "pos_sales", "2026-11-01")


def test_a_source_that_fails_midway_leaves_the_old_file_and_keeps_its_own_error(lake: Lake) -> None:
    lake.write("maison-lea", "products", None, [table(1)], SCHEMA)

    def failing() -> Iterator[pa.Table]:
        yield table(*range(20_000))
        raise ConnectionError("the till hung up")

    with pytest.raises(ConnectionError, match="the till hung up"):
        lake.write("maison-lea", "products", None, failing(), SCHEMA)
    assert ids(lake, "products") == [1]


def test_a_table_with_other_columns_is_not_written(lake: Lake) -> None:
    with pytest.raises(ValueError, match="other columns"):
        lake.write("maison-lea", "products", None, [table(1).drop_columns("total")], SCHEMA)

    assert not lake.exists("maison-lea", "products")


def test_a_full_disk_is_an_error_with_advice_and_leaves_the_old_file_alone(local: Lake) -> None:
    local.write("maison-lea", "products", None, [table(1)], SCHEMA)

    with no_room_left(), pytest.raises(StateError, match=r"products\.parquet could not be written.*Check the room"):
        local.write("maison-lea", "products", None, [table(*range(50_000))], SCHEMA)

    assert [file.name for file in (Path(local.root.path) / "maison-lea").iterdir()] == ["products.parquet"]
    assert ids(local, "products") == [1]


@contextmanager
def no_room_left() -> Iterator[None]:
    """The system lets no file of this process grow beyond 4 KiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_writer_that_is_killed_leaves_the_old_file_and_its_rest_is_swept_up_later(
    sqlite_place, workers: Callable
) -> None:
    lake = Lake(UPath(sqlite_place.home))
    lake.write("maison-lea", "products", None, [table(1)], SCHEMA)
    worker = workers(sqlite_place, "writes")
    worker.go()
    assert worker.line() == "writing"
    worker.kill()

    assert ids(lake, "products") == [1]
    (rest,) = (sqlite_place.home / "maison-lea").glob(".*.tmp")
    yesterday = time.time() - 86_400
    os.utime(rest, (yesterday, yesterday))
    lake.write("maison-lea", "customers", None, [table(1)], SCHEMA)
    assert not rest.exists()


def test_a_file_that_is_no_parquet_file_is_an_error_that_names_it(local: Lake) -> None:
    local.write("maison-lea", "products", None, [table(1)], SCHEMA)
    (Path(local.root.path) / "maison-lea" / "products.parquet").write_bytes(b"half a fi")

    with pytest.raises(StateError, match=r"products\.parquet could not be read"):
        local.read("maison-lea", "products")


def test_a_reader_keeps_the_file_it_opened_while_it_is_replaced(local: Lake) -> None:
    local.write("maison-lea", "products", None, [table(1, 2)], SCHEMA)
    reading = local.read("maison-lea", "products")
    local.write("maison-lea", "products", None, [table(3)], SCHEMA)

    assert pa.concat_tables(reading).column("id").to_pylist() == [1, 2]


def test_files_and_directories_are_for_their_owner_only(local: Lake) -> None:
    local.write("maison-lea", "pos_sales", "2026-11-01", [table(1)], SCHEMA)

    root = Path(local.root.path)
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}
    assert modes == {True: 0o700, False: 0o600}


def test_a_file_on_its_way_to_object_storage_is_for_its_owner_only_and_does_not_stay(
    bucket: str, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    seen: list[tuple[Path, int]] = []

    def tables() -> Iterator[pa.Table]:
        yield table(1)
        seen.extend((file, stat.S_IMODE(file.stat().st_mode)) for file in tmp_path.rglob("*"))

    open_lake(tmp_path).write("maison-lea", "pos_sales", "2026-11-01", tables(), SCHEMA)

    assert object_storage.objects(bucket) == ["some/where/maison-lea/pos_sales/2026-11-01.parquet"]
    assert [mode for _, mode in seen] == [0o700, 0o600]
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_what_a_killed_writer_left_on_its_way_to_object_storage_is_swept_up(bucket: str, tmp_path: Path) -> None:
    lake, rest = open_lake(tmp_path), tmp_path / "uploads" / ".products.x1y2.tmp"
    rest.parent.mkdir()
    rest.write_bytes(b"half a customer")
    os.utime(rest, (time.time() - 86_400,) * 2)

    lake.write("maison-lea", "products", None, [table(1)], SCHEMA)

    assert not rest.exists()


def test_what_another_worker_writes_and_deletes_is_seen_at_once(
    bucket: str, tmp_path: Path, object_storage: ObjectStorage
) -> None:
    lake = open_lake(tmp_path)
    lake.write("maison-lea", "pos_sales", "2026-11-01", [table(1)], SCHEMA)
    assert lake.partitions("maison-lea", "pos_sales") == ["2026-11-01"]
    place = f"{bucket}/some/where/maison-lea/pos_sales"

    other, keys = object_storage.client, [f"some/where/maison-lea/pos_sales/2026-11-0{day}.parquet" for day in (1, 2)]
    other.copy_object(Bucket=bucket, CopySource=f"{place}/2026-11-01.parquet", Key=keys[1])
    other.delete_object(Bucket=bucket, Key=keys[0])

    assert lake.partitions("maison-lea", "pos_sales") == ["2026-11-02"]
    assert lake.exists("maison-lea", "pos_sales", "2026-11-02")
    assert not lake.exists("maison-lea", "pos_sales", "2026-11-01")


def test_a_day_costs_one_request_to_write_and_one_to_read_or_to_find_missing(
    bucket: str, tmp_path: Path, object_storage: ObjectStorage
) -> None:
    lake = open_lake(tmp_path)
    lake.write("maison-lea", "pos_sales", "2026-10-31", [table(1)], SCHEMA)  # the first one looks for the credentials
    place = f"/{bucket}/some/where/maison-lea/pos_sales"
    with object_storage.watched() as requests:
        lake.write("maison-lea", "pos_sales", "2026-11-01", [table(1)], SCHEMA)
        assert ids(lake, "pos_sales", "2026-11-01") == [1]
        with pytest.raises(LakeMissing):
            lake.read("maison-lea", "pos_sales", "2026-11-02")
    assert requests == [
        f"PUT {place}/2026-11-01.parquet",
        f"GET {place}/2026-11-01.parquet",
        f"GET {place}/2026-11-02.parquet",
    ]


def test_a_bucket_that_is_not_there_is_an_error_and_not_an_absent_file(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_LAKE", "s3://no-such-bucket/lake")
    lake = open_lake(tmp_path)

    def write() -> None:
        lake.write("maison-lea", "products", None, [table(1)], SCHEMA)

    for use in (
        write,
        lambda: lake.read("maison-lea", "products"),
        lambda: lake.read("maison-lea", "pos_sales", "2026-11-01"),
        lambda: lake.exists("maison-lea", "products"),
    ):
        with pytest.raises(StateError, match=r"no-such-bucket.*bucket does not exist.*CONNECTOR_LAKE") as caught:
            use()
        assert not isinstance(caught.value, LakeMissing)


def test_credentials_that_are_not_taken_are_an_error_that_does_not_show_them(
    bucket: str, tmp_path: Path, object_storage: ObjectStorage
) -> None:
    lake = open_lake(tmp_path)
    with (
        object_storage.taking_no_credentials(),
        pytest.raises(StateError, match=r"Access Key Id.*credentials") as caught,
    ):
        lake.write("maison-lea", "products", None, [table(1)], SCHEMA)

    assert ACCESS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)


def test_object_storage_that_is_gone_is_an_error_and_what_was_there_is_there_when_it_is_back(
    bucket: str, tmp_path: Path, object_storage: ObjectStorage
) -> None:
    lake = open_lake(tmp_path)
    lake.write("maison-lea", "products", None, [table(1)], SCHEMA)
    with object_storage.stopped():
        with pytest.raises(StateError, match=r"could not be written.*Could not connect.*can be reached"):
            lake.write("maison-lea", "products", None, [table(2)], SCHEMA)
        with pytest.raises(StateError, match=r"could not be read.*Could not connect"):
            lake.exists("maison-lea", "products")

    assert ids(lake, "products") == [1]


def test_the_lake_is_in_the_home_directory_unless_the_variable_names_another_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_lake(tmp_path).root.path == str(tmp_path / "lake")

    monkeypatch.setenv("CONNECTOR_LAKE", "memory://somewhere")
    assert str(open_lake(tmp_path).root) == "memory://somewhere"

    monkeypatch.setenv("CONNECTOR_LAKE", "nosuch://somewhere")
    with pytest.raises(StateError, match=r"nosuch://somewhere cannot be opened"):
        open_lake(tmp_path)
