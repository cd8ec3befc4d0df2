"""The pipes of a transfer close their descriptors once: a second close would hit a file of another thread."""

import asyncio
import os
import threading

import uvloop

from rookery.wings.transfers.pipes import Inflow, Outflow


def _open_and_look(stop: threading.Event, lost: list[int]) -> None:
    while not stop.is_set():
        descriptor = os.open("/dev/null", os.O_RDONLY)
        for _ in range(20):
            try:
                os.fstat(descriptor)
            except OSError:
                lost.append(descriptor)
                break
        else:
            os.close(descriptor)


async def _pass_through() -> None:
    out = Outflow()
    out.write(b"content")
    out.end()
    assert b"".join([chunk async for chunk in out.chunks()]) == b"content"
    into = Inflow()
    await into.open()
    await into.feed(b"content")
    into.end()
    await asyncio.sleep(0)
    assert await asyncio.to_thread(into.file.read) == b"content"
    into.file.close()


def test_closing_a_pipe_touches_no_other_file() -> None:
    stop, lost = threading.Event(), list[int]()
    threads = [threading.Thread(target=_open_and_look, args=(stop, lost)) for _ in range(3)]

    async def many() -> None:
        for _ in range(150):
            await _pass_through()

    for thread in threads:
        thread.start()
    try:
        uvloop.run(many())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert lost == []
