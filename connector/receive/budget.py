"""How long an answer may wait for work, and what becomes of work that takes longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import anyio

BUDGET = 1.7  # seconds for an answer: the sender gives up after 2

_Result = TypeVar("_Result")


async def within_budget(
    work: Callable[[], _Result], *, spent: float = 0.0, threads: anyio.CapacityLimiter | None = None
) -> _Result:
    """The result of work in a thread, one of `threads` where they are given.

    Raises `TimeoutError` after what is left of the budget when `spent` seconds of it are gone. Work that has begun goes on to
    its end, as a thread cannot be stopped; what has found no thread yet is never begun.
    """
    begun = False

    def begin() -> _Result:
        nonlocal begun
        begun = True
        return work()

    task = asyncio.ensure_future(anyio.to_thread.run_sync(begin, limiter=threads))
    task.add_done_callback(_look_at)
    done, _ = await asyncio.wait({task}, timeout=BUDGET - spent)
    if done:
        return task.result()
    if not begun:
        task.cancel()
    raise TimeoutError


def _look_at(task: asyncio.Task[_Result]) -> None:
    """An error that comes too late was told as a time-out; asyncio would log it with its traceback."""
    if not task.cancelled():
        task.exception()
