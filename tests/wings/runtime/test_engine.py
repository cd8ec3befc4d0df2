"""Calls to an engine that is slow, gone, newer than us, or that fails in the middle of its answer."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from rookery.protocol.problems import Invalid, Unavailable
from rookery.wings.runtime.base import NoSuchImage, RegistryAccess
from rookery.wings.runtime.docker import DockerRuntime
from rookery.wings.runtime.engine import Engine, spoken

pytestmark = pytest.mark.anyio
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StandIn:
    """An engine that answers as a test says, on a socket of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "engine.sock")
        self.host = f"unix://{self.path}"
        self.calls: list[web.Request] = []
        self.answers: dict[str, Handler] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, self.path).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(request)
        if request.path == "/version":
            return web.json_response({"ApiVersion": "1.41", "MinAPIVersion": "1.12"})
        path = request.path.split("/", 2)[2]
        if handler := self.answers.get(path):
            return await handler(request)
        return web.json_response({"message": "nothing here"}, status=404)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[StandIn]:
    stand_in = StandIn(tmp_path)
    await stand_in.start()
    yield stand_in
    await stand_in.stop()


@pytest.fixture
async def runtime(engine: StandIn) -> AsyncIterator[DockerRuntime]:
    made = DockerRuntime(engine.host)
    yield made
    await made.close()


def answering(body: object, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    return handler


def streaming(*messages: dict[str, str], pause: float = 0) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for message in messages:
            await response.write(json.dumps(message).encode() + b"\r\n")
            await asyncio.sleep(pause)
        return response

    return handler


@pytest.mark.parametrize(
    ("newest", "oldest", "version"),
    [
        ("1.41", "1.12", "1.41"),
        ("1.51", "1.44", "1.44"),
        ("1.40", "1.12", "1.40"),
        ("1.52", "1.24", "1.41"),
        ("", "", "1.41"),
    ],
)
def test_the_version_spoken_is_one_both_know(newest: str, oldest: str, version: str) -> None:
    assert spoken(newest, oldest) == version


@pytest.mark.parametrize("host", ["ssh://host", "npipe:////./pipe/x", "nonsense"])
def test_an_address_we_cannot_reach_is_refused_with_its_name(host: str) -> None:
    with pytest.raises(Invalid, match=host.split(":", maxsplit=1)[0]):
        Engine(host)


async def test_an_engine_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    runtime = DockerRuntime(f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unavailable):
        await runtime.info()
    with pytest.raises(Unavailable):
        await runtime.container("x").attach()
    await runtime.close()


async def test_an_engine_that_does_not_answer_in_time_is_unavailable(engine: StandIn) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    engine.answers["slow"] = never
    client = Engine(engine.host)
    with pytest.raises(Unavailable):
        await client.call("GET", "/slow", deadline=0.1)
    await client.close()


async def test_a_waiting_call_survives_a_restart_of_the_engine(engine: StandIn, runtime: DockerRuntime) -> None:
    arrived = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.sleep(60)
        raise AssertionError

    engine.answers["containers/x/wait"] = hang
    waiting = asyncio.create_task(runtime.container("x").wait())
    await arrived.wait()
    await engine.stop()
    engine.answers["containers/x/wait"] = answering({"StatusCode": 7})
    engine.answers["containers/x/json"] = answering({"message": "No such container: x"}, 404)
    await engine.start()
    async with asyncio.timeout(10):
        assert (await waiting).code == 7


async def test_a_pull_shows_its_progress_and_sends_the_login(engine: StandIn, runtime: DockerRuntime) -> None:
    engine.answers["images/create"] = streaming({"status": "Pulling", "progress": "[=>] 1/2"}, {"status": "Done"})
    lines: list[str] = []
    await runtime.fetch("r.example.com:5000/a/b", RegistryAccess("u", "p"), lines.append)
    assert lines == ["Pulling [=>] 1/2", "Done"]
    call = engine.calls[-1]
    assert dict(call.query) == {"fromImage": "r.example.com:5000/a/b", "tag": "latest"}
    assert json.loads(base64.urlsafe_b64decode(call.headers["X-Registry-Auth"])) == {"username": "u", "password": "p"}


async def test_an_error_inside_the_stream_is_a_failed_pull(engine: StandIn, runtime: DockerRuntime) -> None:
    engine.answers["images/create"] = streaming({"status": "Pulling"}, {"error": "no space left on device"})
    with pytest.raises(NoSuchImage, match="no space left on device"):
        await runtime.fetch("a:1", None, lambda _: None)


async def test_a_failed_pull_with_a_local_copy_is_success(engine: StandIn, runtime: DockerRuntime) -> None:
    engine.answers["images/create"] = streaming({"error": "unauthorized"})
    engine.answers["images/a:1/json"] = answering({"Id": "x"})
    await runtime.fetch("a:1", None, lambda _: None)


async def test_servers_that_want_one_image_share_one_download(engine: StandIn, runtime: DockerRuntime) -> None:
    engine.answers["images/create"] = streaming({"status": "1"}, {"status": "2"}, pause=0.1)
    seen: tuple[list[str], list[str]] = ([], [])
    impatient = asyncio.create_task(runtime.fetch("a:1", None, seen[0].append))
    patient = asyncio.create_task(runtime.fetch("a:1", None, seen[1].append))
    await asyncio.sleep(0.05)
    impatient.cancel()
    await patient
    assert seen[1] == ["1", "2"]
    assert sum(call.path.endswith("/images/create") for call in engine.calls) == 1


async def test_closing_breaks_off_a_download_nobody_waits_for(engine: StandIn) -> None:
    engine.answers["images/create"] = streaming(*[{"status": "x"}] * 100, pause=0.1)
    runtime = DockerRuntime(engine.host)
    waiting = asyncio.create_task(runtime.fetch("a:1", None, lambda _: None))
    await asyncio.sleep(0.1)
    waiting.cancel()
    async with asyncio.timeout(2):
        await runtime.close()


async def test_an_answer_that_is_no_json_is_unavailable(engine: StandIn, runtime: DockerRuntime) -> None:
    async def nonsense(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    engine.answers["containers/x/json"] = nonsense
    with pytest.raises(Unavailable):
        await runtime.container("x").status()


async def test_more_servers_than_a_pool_of_connections_hold_their_calls(
    engine: StandIn, runtime: DockerRuntime
) -> None:
    begun = 0
    together = asyncio.Event()

    async def hold(_: web.Request) -> web.StreamResponse:
        nonlocal begun
        begun += 1
        if begun == 150:
            together.set()
        await together.wait()
        return web.json_response({"StatusCode": 0})

    engine.answers["containers/x/wait"] = hold
    engine.answers["containers/x/json"] = answering({"message": "No such container: x"}, 404)
    async with asyncio.timeout(20):
        await asyncio.gather(*(runtime.container("x").wait() for _ in range(150)))
