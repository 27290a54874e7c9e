"""Shared by the tests of whole syncs; `tests.sync.world` says what a world is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NewState
from tests.sync.world import Warm, World

MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with tempfile.TemporaryDirectory(prefix="warm-") as folder, Warm(Path(folder)) as process:
        yield process


@contextmanager
def making_worlds(warm: Warm, new_state: NewState) -> Iterator[MakeWorld]:
    """`make(accounts, **options of World)` makes a world that is closed, and gone, in the end."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # hundreds of small files, written durably
    with ExitStack() as stack:

        def make(*args: Any, **options: Any) -> World:
            state = stack.enter_context(new_state())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="world-", dir=memory))
            return stack.enter_context(World(Path(folder), warm, *args, state=state, **options))

        yield make


@pytest.fixture
def make_world(warm: Warm, new_state: NewState) -> Iterator[MakeWorld]:
    """Makes worlds for one test."""
    with making_worlds(warm, new_state) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_world(warm: Warm, new_state: NewState) -> Iterator[MakeWorld]:
    """Makes worlds for the tests of a module, which then only look."""
    with making_worlds(warm, new_state) as make:
        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """The usual shop `alpha`, never synced."""
    return make_world()
