"""Bytes that arrive from somewhere into a file of a volume, with the blocking parts in threads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from rookery.wings.threads import in_thread


class Sink(Protocol):
    """Takes bytes in a thread."""

    def write(self, content: bytes, /) -> int:
        """Append; how much that was."""
        ...


S = TypeVar("S", bound=Sink)


async def fill(context: AbstractContextManager[S], chunks: AsyncIterator[bytes]) -> int:
    """Write what arrives into the file a volume opens; it takes its place only when all went well. How much it was.

    Raises:
        Whatever `chunks` or the volume raise; nothing has changed then.
    """
    out = await in_thread(context.__enter__)
    total = 0
    try:
        async for chunk in chunks:
            total += await in_thread(out.write, chunk)
    except BaseException as err:
        await asyncio.shield(in_thread(_leave, context, err))
        raise
    await in_thread(context.__exit__, None, None, None)
    return total


def _leave(context: AbstractContextManager[S], err: BaseException) -> None:
    try:
        context.__exit__(type(err), err, err.__traceback__)
    except BaseException as same:
        if same is not err:
            raise
