"""What workers share, for tests: databases on a PostgreSQL server, and buckets on an S3 server over HTTP on loopback."""

from __future__ import annotations

import logging
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
from cryptography.fernet import Fernet
from moto.server import ThreadedMotoServer
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from connector.state.database import open_database

SERVER = os.environ.get("CONNECTOR_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
ACCESS = {"AWS_ACCESS_KEY_ID": "worker", "AWS_SECRET_ACCESS_KEY": "hunter2hunter2", "AWS_DEFAULT_REGION": "eu-west-3"}


class NoServer(Exception):
    """There is no PostgreSQL server to test with; says where one was looked for."""


class Databases:
    """New databases on the PostgreSQL server. A context manager; raises `NoServer` where there is none."""

    def __enter__(self) -> Databases:
        self._server = server = create_engine(
            make_url(SERVER), isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
        )
        try:
            server.connect().close()
        except OperationalError:
            place = server.url.render_as_string(hide_password=True)
            raise NoServer(f"no PostgreSQL server answers at {place} (CONNECTOR_TEST_POSTGRES names another)") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._server.dispose()

    @contextmanager
    def new(self, template: str | None = None) -> Iterator[str]:
        """The URL of a database that is empty, or a copy of another one, and dropped in the end."""
        name = f"connector_test_{uuid.uuid4().hex[:12]}"
        _run(self._server, f"CREATE DATABASE {name}" + (f" TEMPLATE {make_url(template).database}" if template else ""))
        try:
            yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
        finally:
            _run(self._server, f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def closed(self, url: str) -> Iterator[None]:
        """Every connection to the database is cut, and for that long it takes no new one."""
        name = make_url(url).database
        _run(self._server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            _run(self._server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            yield
        finally:
            _run(self._server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    @contextmanager
    def new_user(self) -> Iterator[str]:
        """The name of a user who may connect, and nothing else."""
        name = f"connector_test_{uuid.uuid4().hex[:12]}"
        _run(self._server, f"CREATE USER {name}")
        try:
            yield name
        finally:
            _run(self._server, f"DROP USER {name}")


def _run(server: Engine, statement: str) -> None:
    with server.connect() as connection:
        connection.execute(text(statement))


class ObjectStorage:
    """An S3 server that can be stopped and started again over the same objects. A context manager."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it writes down every request
        self._port = 0

    def __enter__(self) -> ObjectStorage:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        self._server.stop()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server is away for that long."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """The requests that it gets for that long, like `GET /bucket/key`."""
        seen: list[str] = []
        application = self._server._server.app

        def watching(environ: dict[str, Any], respond: Any) -> Any:
            seen.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            return application(environ, respond)

        self._server._server.app = watching
        try:
            yield seen
        finally:
            self._server._server.app = application

    @contextmanager
    def taking_no_credentials(self) -> Iterator[None]:
        """It knows no key for that long."""
        self._ask("reset-auth", b"0")
        try:
            yield
        finally:
            self._ask("reset-auth", b"inf")

    def _ask(self, what: str, body: bytes) -> None:
        httpx.post(f"{self.environment['AWS_ENDPOINT_URL']}/moto-api/{what}", content=body).raise_for_status()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any program finds the server. Failed calls are not tried again."""
        return {**ACCESS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}", "AWS_MAX_ATTEMPTS": "1"}

    @property
    def client(self) -> boto3.client:
        return boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )

    def new_bucket(self) -> str:
        """The name of a new bucket."""
        name = f"lake-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        return name

    def objects(self, bucket: str) -> list[str]:
        """The keys of what is in a bucket."""
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=bucket).get("Contents", ())]


class SharedState:
    """States of workers that share them, on both servers. A context manager."""

    def __init__(self, databases: Databases, storage: ObjectStorage) -> None:
        self.databases, self.storage = databases, storage

    def __enter__(self) -> SharedState:
        with ExitStack() as stack:
            self._empty = stack.enter_context(self.databases.new())
            with tempfile.TemporaryDirectory() as folder:
                open_database(Path(folder), self._empty).close()  # with its tables, which are then copied
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def new(self) -> Iterator[dict[str, str]]:
        """The environment of workers that share a state of their own, in which nothing is yet."""
        with self.databases.new(self._empty) as url:
            yield {
                **self.storage.environment,
                "CONNECTOR_DATABASE_URL": url,
                "CONNECTOR_LAKE": f"s3://{self.storage.new_bucket()}/some/where",
                "CONNECTOR_KEYS": Fernet.generate_key().decode(),
            }
