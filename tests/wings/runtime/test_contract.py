"""What the runtime's protocols promise, sentence by sentence, of a real engine and of the one in memory."""

import asyncio
import socket
import subprocess
import uuid
from collections.abc import AsyncIterator

import pytest
from tests.wings.runtime.conftest import IMAGE, Make

from rookery.wings.runtime.base import (
    AddressTaken,
    Console,
    Container,
    ContainerSpec,
    Exit,
    Limits,
    NetworkSpec,
    NoSuchContainer,
    NoSuchImage,
    PortBinding,
    Refused,
    Runtime,
)

pytestmark = pytest.mark.anyio


async def text_until(console: Console, wanted: str) -> str:
    seen = b""
    async with asyncio.timeout(20):
        async for chunk in console:
            seen += chunk
            if wanted.encode() in seen:
                break
    return seen.decode()


async def all_text(console: Console) -> str:
    async with asyncio.timeout(20):
        return b"".join([chunk async for chunk in console]).decode()


async def running(container: Container) -> Console:
    console = await container.attach()
    await container.start()
    await text_until(console, "ready")
    return console


async def test_attached_before_start_nothing_of_the_output_is_missed(make: Make) -> None:
    container = await make("greet")
    console = await container.attach()
    await container.start()
    assert (await all_text(console)).split() == ["hello", "again"]


async def test_the_console_ends_when_the_container_stops(make: Make) -> None:
    container = await make("fail")
    console = await container.attach()
    await container.start()
    assert await all_text(console) == ""


async def test_what_is_sent_reaches_the_process(make: Make) -> None:
    container = await make("echo")
    console = await running(container)
    await console.send(b"word\n")
    assert "got word" in await text_until(console, "got word")


async def test_two_consoles_see_the_same_output(make: Make) -> None:
    container = await make("greet")
    first, second = await container.attach(), await container.attach()
    await container.start()
    one, other = await asyncio.gather(all_text(first), all_text(second))
    assert one == other
    assert one.split() == ["hello", "again"]


async def test_a_closed_console_leaves_the_container_running_and_closing_twice_is_no_error(make: Make) -> None:
    container = await make("sleep")
    console = await running(container)
    await console.close()
    await console.close()
    assert (await container.status()).running


async def test_an_ended_process_takes_no_input(make: Make) -> None:
    container = await make("echo")
    console = await running(container)
    await console.send(b"quit\n")
    await all_text(console)
    with pytest.raises(Refused):
        await console.send(b"more\n")


async def test_a_closed_console_takes_no_input(make: Make) -> None:
    console = await running(await make("echo"))
    await console.close()
    with pytest.raises(Refused):
        await console.send(b"more\n")


async def test_starting_a_started_container_is_no_error(make: Make) -> None:
    container = await make("sleep")
    await running(container)
    await container.start()
    assert (await container.status()).running


async def test_a_start_says_which_address_is_taken(make: Make) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ports = (PortBinding("127.0.0.1", port, "tcp"),)
    await running(await make("sleep", ports=ports))
    second = await make("sleep", ports=ports)
    with pytest.raises(AddressTaken, match=f"127.0.0.1:{port}"):
        await second.start()


async def test_the_console_of_a_container_that_could_not_start_ends(make: Make) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        ports = (PortBinding("127.0.0.1", probe.getsockname()[1], "tcp"),)
    await running(await make("sleep", ports=ports))
    second = await make("sleep", ports=ports)
    console = await second.attach()
    with pytest.raises(AddressTaken):
        await second.start()
    assert await all_text(console) == ""
    async with asyncio.timeout(5):
        await second.wait()


async def test_signals_reach_the_process(make: Make) -> None:
    container = await make("sleep")
    console = await running(container)
    await container.signal("SIGTERM")
    assert "bye" in await text_until(console, "bye")
    assert await container.wait() == Exit(0, out_of_memory=False)


async def test_a_kill_ends_a_process_that_ignores_other_signals(make: Make) -> None:
    container = await make("stubborn")
    await running(container)
    await container.signal("SIGTERM")
    assert (await container.status()).running
    await container.signal("SIGKILL")
    assert await container.wait() == Exit(137, out_of_memory=False)


async def test_a_signal_to_a_stopped_or_missing_container_does_nothing(runtime: Runtime, make: Make) -> None:
    await (await make("sleep")).signal("SIGTERM")
    await runtime.container("contract-none").signal("SIGKILL")


async def test_stop_waits_for_the_end(make: Make) -> None:
    container = await make("sleep")
    await running(container)
    await container.stop()
    assert not (await container.status()).running


async def test_stopping_a_stopped_or_missing_container_is_fine(runtime: Runtime, make: Make) -> None:
    await (await make("sleep")).stop()
    await runtime.container("contract-none").stop()


async def test_wait_gives_the_exit_code(make: Make) -> None:
    container = await make("fail")
    waiting = asyncio.create_task(container.wait())
    await container.start()
    assert (await container.wait()).code == 3
    waiting.cancel()


async def test_wait_is_immediate_when_it_is_stopped_already(make: Make) -> None:
    container = await make("fail")
    await container.start()
    await container.wait()
    async with asyncio.timeout(5):
        assert await container.wait() == Exit(3, out_of_memory=False)


async def test_a_container_that_is_gone_has_ended_with_1(runtime: Runtime) -> None:
    assert await runtime.container("contract-none").wait() == Exit(1, out_of_memory=False)


async def test_one_taken_away_while_it_is_waited_for_has_the_code_of_its_process(make: Make) -> None:
    container = await make("sleep")
    await running(container)
    waiting = asyncio.create_task(container.wait())
    await asyncio.sleep(0.2)
    await container.remove()
    assert await waiting == Exit(137, out_of_memory=False)


async def test_status_tells_running_from_stopped(make: Make) -> None:
    container = await make("sleep")
    before = await container.status()
    await running(container)
    during = await container.status()
    await container.signal("SIGKILL")
    await container.wait()
    after = await container.status()
    assert (before.running, during.running, after.running) == (False, True, False)
    assert before.started_at is None
    assert during.started_at is not None
    assert after.exit_code == 137
    assert before.id == after.id


@pytest.mark.parametrize("call", ["status", "attach", "start"])
async def test_calls_on_a_missing_container_say_so(runtime: Runtime, call: str) -> None:
    with pytest.raises(NoSuchContainer):
        await getattr(runtime.container("contract-none"), call)()


async def test_tail_and_resize_of_a_missing_container_say_so(runtime: Runtime) -> None:
    container = runtime.container("contract-none")
    with pytest.raises(NoSuchContainer):
        await container.tail(5)
    with pytest.raises(NoSuchContainer):
        await container.resize(Limits(memory=64 << 20))


async def test_a_resize_leaves_the_container_running(make: Make) -> None:
    container = await make("sleep", limits=Limits(memory=64 << 20, memory_swap=64 << 20))
    await running(container)
    await container.resize(Limits(memory=96 << 20, memory_swap=96 << 20))
    assert (await container.status()).running


async def test_samples_come_while_it_runs_and_then_end(make: Make) -> None:
    container = await make("sleep", limits=Limits(memory=64 << 20, memory_swap=64 << 20))
    await running(container)
    samples = []
    async with asyncio.timeout(15):
        async for sample in container.samples():
            samples.append(sample)
            if len(samples) == 2:
                await container.signal("SIGKILL")
    assert len(samples) >= 2
    assert samples[0].memory_limit == 64 << 20
    assert 0.5 < samples[1].at - samples[0].at < 3


async def test_a_stopped_container_has_no_samples(make: Make) -> None:
    assert [sample async for sample in (await make("sleep")).samples()] == []


async def test_the_tail_is_the_end_of_the_log_oldest_line_first(make: Make) -> None:
    container = await make("greet")
    await container.start()
    await container.wait()
    assert await container.tail(10) == [b"hello", b"again"]
    assert await container.tail(1) == [b"again"]


async def test_remove_ends_what_runs_and_what_is_gone_is_no_error(runtime: Runtime, make: Make) -> None:
    container = await make("stubborn")
    await running(container)
    await container.remove()
    await container.remove()
    with pytest.raises(NoSuchContainer):
        await runtime.container(container.name).status()


async def test_a_created_container_does_not_run_yet(make: Make) -> None:
    assert not (await (await make("sleep")).status()).running


async def test_a_second_container_of_a_name_is_refused(runtime: Runtime, make: Make) -> None:
    first = await make("sleep")
    with pytest.raises(Refused):
        await runtime.create(ContainerSpec(name=first.name, image=IMAGE))


async def test_a_container_of_an_image_that_is_not_here_is_refused_as_such(runtime: Runtime) -> None:
    with pytest.raises(NoSuchImage, match="contract-none"):
        await runtime.create(ContainerSpec(name=f"contract-{uuid.uuid4()}", image="contract-none"))


async def test_a_handle_by_name_reaches_a_container_made_elsewhere(runtime: Runtime, make: Make) -> None:
    made = await make("sleep")
    await running(made)
    assert (await runtime.container(made.name).status()).running


async def test_names_finds_containers_by_label_running_or_not(runtime: Runtime, make: Make) -> None:
    label = ("contract", str(uuid.uuid4()))
    stopped, started = await make("sleep", labels=dict([label])), await make("sleep", labels=dict([label]))
    await make("sleep", labels={label[0]: "another"})
    await started.start()
    assert sorted(await runtime.names(label)) == sorted([stopped.name, started.name])


async def test_an_image_that_is_nowhere_cannot_be_fetched(runtime: Runtime) -> None:
    with pytest.raises(NoSuchImage, match=r"127\.0\.0\.1:9/none"):
        await runtime.fetch("127.0.0.1:9/none:1", None, lambda _: None)


async def test_a_failed_pull_with_a_local_copy_is_success(runtime: Runtime) -> None:
    await runtime.fetch(IMAGE, None, lambda _: None)


@pytest.fixture
async def network_names(runtime: Runtime) -> AsyncIterator[tuple[str, str]]:
    names = (f"contract-{uuid.uuid4()}", f"contract-{uuid.uuid4()}")
    yield names
    if runtime.name == "docker":
        subprocess.run(["docker", "network", "rm", *names], capture_output=True, check=False)


SUBNETS = (("10.203.29.0/24", "10.203.29.1"),)
"""Outside the ranges an engine gives to other networks by itself."""


async def test_a_prepared_network_exists_and_is_taken_as_it_is(
    runtime: Runtime, network_names: tuple[str, str]
) -> None:
    first = await runtime.prepare(NetworkSpec(network_names[0], ipv6=False, subnets=SUBNETS))
    again = await runtime.prepare(NetworkSpec(network_names[0], internal=True))
    assert first == again
    assert (first.driver, first.gateway) == ("bridge", "10.203.29.1")


async def test_subnets_that_are_taken_are_replaced_by_free_ones(
    runtime: Runtime, network_names: tuple[str, str]
) -> None:
    await runtime.prepare(NetworkSpec(network_names[0], ipv6=False, subnets=SUBNETS))
    second = await runtime.prepare(NetworkSpec(network_names[1], subnets=SUBNETS))
    assert second.gateway
    assert second.gateway != SUBNETS[0][1]


async def test_the_engine_describes_itself(runtime: Runtime) -> None:
    assert "ApiVersion" in (await runtime.info())["Version"]
