"""A shop fed by an export folder, in the world of the whole syncs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.config_files import FilesAccount
from connector.pos.files import ExportFolder
from tests.files.export import Export
from tests.sync.conftest import MakeWorld, make_world, warm  # noqa: F401  (fixtures)
from tests.sync.world import World


@dataclass
class Shop:
    """The shop `alpha`, whose till exports files."""

    world: World
    export: Export

    def configure(self, **pos: Any) -> None:
        """Changes keys of the account."""
        self.world.configure(lambda shops: shops[0]["pos"].update(pos))


@pytest.fixture
def shop(make_world: MakeWorld) -> Shop:  # noqa: F811
    """Never synced; its files are written."""
    world = make_world()
    export = Export(world.folder / "export").write()
    world.configure(lambda shops: shops[0].update(pos=export.pos()))
    return Shop(world, export)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export").write()


Open = Callable[..., ExportFolder]


@pytest.fixture
def open_folder(export: Export) -> Open:
    """Opens the folder as it is now, with these keys of its account changed."""

    def opened(**changes: Any) -> ExportFolder:
        return ExportFolder(FilesAccount.model_validate(export.pos(**changes)))

    return opened
