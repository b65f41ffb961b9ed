"""Tasks of the simulated servers."""

import asyncio
import contextlib


async def end(task: asyncio.Task[None] | None) -> None:
    """Stop a task and wait for its end. Nothing to do for one that has ended; raises what it failed with."""
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
