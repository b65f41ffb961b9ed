"""Looking into the past, in threads of its own.

The daemon's other threads look up the names of devices and write its files. However many ask for years at
once, and however long a broken disk takes, those must stay free.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

READERS = 2
"""At a time, the others wait: more would only take the processor from each other, and from control."""

_POOL = ThreadPoolExecutor(READERS, thread_name_prefix="past")

P = ParamSpec("P")
T = TypeVar("T")


async def looked_up(look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `look` returns, called in one of these threads. Raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, lambda: look(*args, **kwargs))
