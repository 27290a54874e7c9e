"""The worlds of `tests.sync`, for tests of what a till gives and keeps back."""

from __future__ import annotations

from tests.sync.conftest import make_world, warm, world

__all__ = ["make_world", "warm", "world"]
