"""The worlds of `tests.sync`, for erasures."""

from __future__ import annotations

from tests.sync.conftest import make_world, warm

__all__ = ["make_world", "warm"]
