"""Where the worlds of the end-to-end tests keep their state: in their home, or in PostgreSQL and on object storage.

`--state postgresql+s3` (`make test-shared`) runs every such test the second way, and no other; without it only those marked
`also_shared` run both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext

import pytest

from tests.shared_state import Databases, NoServer, ObjectStorage, SharedState

LOCAL, SHARED = "local", "postgresql+s3"

NewState = Callable[[], AbstractContextManager[dict[str, str]]]  # the variables that lead to a new, empty state


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--state", choices=(LOCAL, SHARED), default=LOCAL, help="where the worlds keep their state")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    everywhere = metafunc.config.getoption("--state") == LOCAL and metafunc.definition.get_closest_marker("also_shared")
    if everywhere and "state_kind" in metafunc.fixturenames:
        metafunc.parametrize("state_kind", (LOCAL, SHARED), indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--state") == SHARED:
        with_state = [item for item in items if "state_kind" in getattr(item, "fixturenames", ())]
        stateless = [item for item in items if "state_kind" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=stateless)  # they would only say again what they say without the option
        items[:] = with_state
        for item in items:
            if about := item.get_closest_marker("only_local"):
                item.add_marker(pytest.mark.skip(reason=f"about a state in the home: {about.args[0]}"))


@pytest.fixture(scope="session")
def state_kind(request: pytest.FixtureRequest) -> str:
    """Which of the two the test is for."""
    return str(getattr(request, "param", request.config.getoption("--state")))


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Makes databases in PostgreSQL. Without a server the test is skipped, unless it was asked for by `--state`."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Databases())
        except NoServer as missing:
            if request.config.getoption("--state") == SHARED:
                pytest.exit(f"--state {SHARED}: {missing}", returncode=pytest.ExitCode.USAGE_ERROR)
            pytest.skip(f"PostgreSQL is not tested: {missing}")
        yield made


@pytest.fixture(scope="session")
def object_storage() -> Iterator[ObjectStorage]:
    """A running S3 server."""
    with ObjectStorage() as server:
        yield server


@pytest.fixture(scope="session")
def shared_state(databases: Databases, object_storage: ObjectStorage) -> Iterator[SharedState]:
    """Makes states on both servers."""
    with SharedState(databases, object_storage) as made:
        yield made


@pytest.fixture(scope="session")
def new_state(request: pytest.FixtureRequest, state_kind: str) -> NewState:
    """Makes states for worlds: a context manager that gives the variables which lead there; none for one in the home."""
    if state_kind == SHARED:
        shared: SharedState = request.getfixturevalue("shared_state")
        return shared.new
    return lambda: nullcontext({})
