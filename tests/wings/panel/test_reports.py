"""Owed reports: kept on disk, in order per subject, sent until taken."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.wings.conftest import TOKEN, Panel

from rookery.wings.config import Config, ConfigFile, decode
from rookery.wings.panel import client, reports
from rookery.wings.panel.client import PanelClient
from rookery.wings.panel.reports import Reports
from rookery.wings.store import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
async def outbox(panel: Panel, tmp_path: Path) -> AsyncIterator[tuple[Reports, PanelClient, Store]]:
    config = decode(Config, {"remote": f"http://127.0.0.1:{panel.port}", "token_id": "id", "token": TOKEN})
    store, calls = Store(tmp_path / "wings.db"), PanelClient(ConfigFile(tmp_path / "config.yml", config))
    yield Reports(store, calls), calls, store
    await calls.close()
    store.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(client, "RETRY_SECONDS", 0.01)


async def test_reports_of_a_subject_keep_their_order_while_the_panel_is_down(
    panel: Panel, outbox: tuple[Reports, PanelClient, Store]
) -> None:
    outgoing, _, store = outbox
    panel.broken = True
    for number in range(3):
        await outgoing.owe("a", "/a", number)
    sending = asyncio.create_task(outgoing.send_forever())
    await panel.hears("/a", 2)
    assert set(panel.told("/a")) == {0}
    panel.broken = False
    panel.calls.clear()
    assert await panel.hears("/a", 3) == [0, 1, 2]
    await outgoing.owe("a", "/a", 3)
    assert await panel.hears("/a", 4) == [0, 1, 2, 3]
    async with asyncio.timeout(5):
        while store.owed():
            await asyncio.sleep(0.01)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def test_a_subject_that_is_stuck_does_not_hold_up_others(
    panel: Panel, outbox: tuple[Reports, PanelClient, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing, calls, _ = outbox
    real = calls.post

    async def post(path: str, body: object) -> None:
        if path == "/stuck":
            raise client.PanelError("no", status=500)
        await real(path, body)

    monkeypatch.setattr(calls, "post", post)
    await outgoing.owe("one", "/stuck", 1)
    await outgoing.owe("two", "/free", 2)
    sending = asyncio.create_task(outgoing.send_forever())
    assert await panel.hears("/free") == [2]
    sending.cancel()


async def test_what_is_owed_survives_the_process(panel: Panel, outbox: tuple[Reports, PanelClient, Store]) -> None:
    outgoing, calls, store = outbox
    await outgoing.owe("a", "/a", {"successful": True})
    folder = Path(store._db.execute("PRAGMA database_list").fetchone()[2])
    again = Store(folder)
    sending = asyncio.create_task(Reports(again, calls).send_forever())
    assert await panel.hears("/a") == [{"successful": True}]
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    again.close()


async def test_a_report_the_panel_refuses_for_good_is_dropped(
    outbox: tuple[Reports, PanelClient, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    outgoing, calls, store = outbox
    tried: list[str] = []

    async def post(path: str, body: object) -> None:
        tried.append(path)
        if body == "bad":
            raise client.PanelError("no such backup", status=404)

    monkeypatch.setattr(calls, "post", post)
    await outgoing.owe("a", "/bad", "bad")
    await outgoing.owe("a", "/good", "good")
    sending = asyncio.create_task(outgoing.send_forever())
    async with asyncio.timeout(5):
        while store.owed():
            await asyncio.sleep(0.01)
    sending.cancel()
    assert tried == ["/bad", "/good"]
