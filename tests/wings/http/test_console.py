"""The console websocket over a real socket: who may see and do what, and what a slow viewer loses."""

import asyncio

import aiohttp
import pytest
from tests.wings.conftest import UUID, Daemon, signed

from rookery.wings.http import console
from rookery.wings.http.console import parse_message

pytestmark = pytest.mark.anyio


async def test_before_signing_in_nothing_is_shown_and_nothing_done(daemon: Daemon) -> None:
    async with daemon.view(sign_in=False) as viewer:
        await viewer.send("set state", "start")
        assert await viewer.until("jwt error") == ["jwt: no jwt present"]
        assert daemon.server().state == "offline"
        assert viewer.seen == [("jwt error", ["jwt: no jwt present"])]


async def test_a_token_for_another_server_shows_nothing(daemon: Daemon) -> None:
    async with daemon.view(sign_in=False) as viewer:
        await viewer.send("auth", daemon.token(uuid="0" * 8 + UUID[8:]))
        assert await viewer.until("jwt error") == ["jwt: server uuid mismatch"]
        assert not any(name in ("status", "stats") for name, _ in viewer.seen)


async def test_a_strangers_signature_is_not_explained(daemon: Daemon) -> None:
    async with daemon.view(sign_in=False) as viewer:
        await viewer.send("auth", signed({"server_uuid": UUID}, secret="x" * 32))
        (text,) = await viewer.until("daemon error")
        assert console.GENERIC in text


@pytest.mark.parametrize("origin", ["http://evil.example", ""])
async def test_pages_from_elsewhere_do_not_get_in(daemon: Daemon, origin: str) -> None:
    assert daemon.http is not None
    with pytest.raises(aiohttp.WSServerHandshakeError) as err:
        await daemon.http.ws_connect(f"/api/servers/{UUID}/ws", headers={"Origin": origin})
    assert err.value.status == 403


@pytest.mark.parametrize(
    ("permission", "event", "argument"),
    [("control.start", "set state", "start"), ("control.console", "send command", "hello")],
)
async def test_who_may_only_look_changes_nothing(daemon: Daemon, permission: str, event: str, argument: str) -> None:
    if event == "send command":
        await daemon.power("start", "running")
    async with daemon.view("websocket.connect") as viewer, daemon.view("websocket.connect", permission) as other:
        await viewer.send(event, argument)
        await viewer.send("send stats")
        await viewer.until("stats")
        await asyncio.sleep(0.05)
        assert "got hello" not in viewer.lines()
        if event == "set state":
            assert daemon.server().state == "offline"
        await other.send(event, argument)
        await (other.until("status", "running") if event == "set state" else other.until("console output", "got hello"))


async def test_a_denied_viewer_hears_nothing_more_and_stays_out(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    async with daemon.view(sign_in=False) as viewer:
        token = daemon.token()
        await viewer.sign_in(token)
        await viewer.until("status", "running")
        assert (await daemon.call("POST", f"/api/servers/{UUID}/ws/deny", {"jtis": ["11" * 16]}))[0] == 204
        await daemon.call("POST", f"/api/servers/{UUID}/commands", {"commands": ["secret"]})
        await viewer.until("jwt error")
        await viewer.send("auth", token)
        assert "denylist" in (await viewer.until("jwt error"))[0]
        assert "got secret" not in viewer.lines()
        await viewer.sign_in(daemon.token())


async def test_who_may_not_see_installations_does_not(daemon: Daemon) -> None:
    async with daemon.view() as owner, daemon.view("*", "admin.websocket.install") as admin:
        assert (await daemon.call("POST", f"/api/servers/{UUID}/reinstall"))[0] == 202
        await admin.until("install completed")
        await owner.until("install completed")
        assert ("install output", ["installing"]) in admin.seen
        assert not any(name == "install output" for name, _ in owner.seen)


async def test_a_slow_viewer_loses_lines_and_is_told_how_many_but_no_state(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "BUFFER_LIMIT", 20_000)
    async with daemon.view() as viewer:
        server = daemon.server()
        for _ in range(400):
            server.events.publish("console output", "x" * 20_000)
            server.events.flush()
        server.events.publish("status", "running")
        server.events.flush()
        await viewer.until("status", "running")
        assert any("lines were skipped for this slow connection" in line for line in viewer.lines())
        assert len(viewer.lines()) < 400


async def test_what_a_game_answers_arrives_in_order(daemon: Daemon) -> None:
    await daemon.power("start", "running")
    async with daemon.view() as viewer:
        commands = [str(number) for number in range(40)]
        for at in range(0, len(commands), 20):
            await daemon.call("POST", f"/api/servers/{UUID}/commands", {"commands": commands[at : at + 20]})
        await viewer.until("console output", "got 39")
        assert [line for line in viewer.lines() if line.startswith("got")] == [f"got {number}" for number in commands]


async def test_viewers_are_sent_away_when_the_node_goes_down(daemon: Daemon) -> None:
    async with daemon.view() as viewer:
        await daemon.stop()
        async with asyncio.timeout(5):
            while (message := await viewer.ws.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)


@pytest.mark.parametrize(
    ("data", "parsed"),
    [
        ('{"event":"auth","args":["a","b"]}', ("auth", "ab")),
        ('{"EVENT":"auth"}', ("auth", "")),
        ('{"event":"auth","args":null}', ("auth", "")),
        ('{"event":"auth","args":[null,"a"]}', ("auth", "a")),
        ("null", ("", "")),
        ("[]", None),
        ("5", None),
        ("{", None),
        ('{"event":5}', None),
        ('{"event":"a","args":[5]}', None),
        ('{"event":"a","args":"x"}', None),
        ("[" * 100_000, None),
    ],
)
def test_what_counts_as_a_message(data: str, parsed: tuple[str, str] | None) -> None:
    assert parse_message(data) == parsed
    assert parse_message(data.encode()) == parsed
