"""The storage of covers is shared over a network, and may stop answering. Whoever waits for it then
holds up nobody else: it has threads of its own, and a reader waits so long and no longer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

PATIENCE = 3.0  # seconds; less than the edge waits for an answer before it asks another replica

_threads = ThreadPoolExecutor(8, thread_name_prefix="storage")


class StorageUnavailable(Exception):
    """The storage does not answer, or cannot do what was asked. A write may come to pass yet."""


async def on_storage[**P, T](function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what touches the storage; raise StorageUnavailable when that fails or takes too long."""
    job = _threads.submit(function, *args, **kwargs)
    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.wrap_future(job)  # given up before its turn, it is never begun
    except FileNotFoundError:
        raise
    except OSError as error:  # TimeoutError is one
        raise StorageUnavailable(str(error) or f"no answer within {PATIENCE:g} s") from error
