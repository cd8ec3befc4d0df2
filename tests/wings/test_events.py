"""Events reach all watchers in order, encoded once."""

import asyncio

import pytest

from rookery.wings.events import Batch, Bus, text_frame

pytestmark = pytest.mark.anyio


async def settle() -> None:
    await asyncio.sleep(0.03)


async def test_watchers_see_everything_after_they_came_in_order() -> None:
    bus, early, late = Bus(), [], []
    bus.subscribe(lambda batch: early.extend(batch.events))
    bus.publish("console output", "1")
    bus.subscribe(lambda batch: late.extend(batch.events))
    for number in "234":
        bus.publish("console output", number)
    await settle()
    assert [args[0] for _, args in early] == ["1", "2", "3", "4"]
    assert [args[0] for _, args in late] == ["2", "3", "4"]


async def test_a_flood_goes_out_in_few_batches() -> None:
    bus, batches = Bus(), []
    bus.subscribe(batches.append)
    for number in range(1000):
        bus.publish("console output", str(number))
    await settle()
    assert sum(batch.lines for batch in batches) == 1000
    assert len(batches) < 10


async def test_viewers_with_the_same_rights_share_the_bytes() -> None:
    batch = Batch([("console output", ("a",)), ("install output", ("b",)), ("backup completed:1", ("c",))])
    everything, some = batch.frames(frozenset()), batch.frames(frozenset({"install output", "backup completed"}))
    assert batch.frames(frozenset()) is everything
    assert some == text_frame(b'{"event":"console output","args":["a"]}\n')
    assert everything.startswith(some)
    assert b"backup completed:1" in everything


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
async def test_frames_announce_their_length(size: int) -> None:
    frame = text_frame(b"x" * size)
    header = {0: 2, 125: 2, 126: 4, 65535: 4, 65536: 10}[size]
    assert frame[0] == 0x81
    assert len(frame) == header + size


async def test_who_left_hears_nothing_and_who_is_alone_costs_nothing() -> None:
    bus, seen = Bus(), []
    bus.subscribe(seen.append)
    bus.unsubscribe(seen.append)
    bus.publish("status", "offline")
    await settle()
    assert seen == []
    assert not bus.watched


async def test_closing_delivers_what_waits() -> None:
    bus, seen = Bus(), []
    bus.subscribe(lambda batch: seen.extend(batch.events))
    bus.publish("status", "starting")
    bus.publish("deleted")
    bus.close()
    assert seen == [("status", ("starting",)), ("deleted", ())]
