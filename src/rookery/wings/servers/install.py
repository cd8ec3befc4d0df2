"""Run an egg's script in a container of its own, tell the viewers, and owe the Panel the outcome.

Source: Wings 1.11 installation. As there, the script's exit code decides nothing: scripts of the field end with all
kinds of codes after good installations. It is written to the log and shown when it is not 0.
"""

import html
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from rookery.protocol.problems import Conflict, Problem
from rookery.protocol.states import ProcessState
from rookery.wings.events import EventName
from rookery.wings.runtime.base import Container
from rookery.wings.servers.console import LineSplitter
from rookery.wings.servers.lifecycle import Happened
from rookery.wings.servers.spec import environment, installer_spec, outgoing_network, registry_access
from rookery.wings.threads import in_thread

if TYPE_CHECKING:
    from rookery.wings.servers.server import Server

log = structlog.get_logger()
LOG_LIMIT = 16 * 1024 * 1024
"""Bytes of output kept in the installation log."""
_STOP_SECONDS = 10.0


async def install(server: "Server", *, reinstall: bool = False) -> bool:
    """Install the server and report the outcome; True when it worked."""
    successful = False
    try:
        if server.configuration.skip_egg_scripts:
            successful = True
        else:
            server.events.publish(EventName.INSTALL_STARTED, "")
            successful = await _run(server)
    except Problem as err:
        log.warning("an installation failed", server=server.uuid, reason=err.detail)
        if "installing" not in server.held_by:
            server.events.publish(EventName.DAEMON_MESSAGE, f"The installation failed: {err.detail}")
    await server.node.reports.owe(
        server.uuid, f"/servers/{server.uuid}/install", {"successful": successful, "reinstall": reinstall}
    )
    server.happen(Happened.EXITED)
    server.events.publish(EventName.INSTALL_COMPLETED, "")
    server.count_soon()
    return successful


async def reinstall(server: "Server") -> None:
    """Stop the server, fetch its configuration and install it anew; a failure before the script is reported too."""
    try:
        if server.state is not ProcessState.OFFLINE:
            await server.power.stop_within(_STOP_SECONDS, kill=True)
        await server.sync()
    except Problem as err:
        log.warning("a reinstallation could not begin", server=server.uuid, reason=err.detail)
        server.events.publish(EventName.DAEMON_MESSAGE, f"The installation failed: {err.detail}")
        report = {"successful": False, "reinstall": True}
        await server.node.reports.owe(server.uuid, f"/servers/{server.uuid}/install", report)
        return
    await install(server, reinstall=True)


async def _run(server: "Server") -> bool:
    node = server.node
    config = node.config
    found = await node.panel.installation(server.uuid)
    image, entrypoint = str(found.get("container_image") or ""), str(found.get("entrypoint") or "")
    script = found.get("script")
    if not image or not isinstance(script, str | None):
        raise Conflict("The Panel's answer names no installer image or holds no script.")
    with server.exclusive("installing"):
        scripts = Path(config.system.tmp_directory, server.uuid)
        await in_thread(_write_script, scripts, (script or "").replace("\r\n", "\n"))
        container = node.runtime.container(f"{server.uuid}_installer")
        try:
            await node.runtime.fetch(
                image.removeprefix("~") if image.startswith("~") else image,
                registry_access(image, config),
                lambda line: server.events.publish(EventName.INSTALL_OUTPUT, line),
            ) if not image.startswith("~") else None
            await container.remove()
            await in_thread(server.volume.make)
            if server.configuration.allocations.force_outgoing_ip:
                await node.runtime.prepare(outgoing_network(server.configuration.allocations.default_ip))
            container = await node.runtime.create(
                installer_spec(
                    server.configuration,
                    config,
                    image=image.removeprefix("~"),
                    entrypoint=entrypoint,
                    volume=server.volume.root,
                    scripts=str(scripts),
                )
            )
            output, code = await _follow(server, container)
            await in_thread(_write_log, server, image, entrypoint, output, code)
        finally:
            await container.remove()
            await in_thread(shutil.rmtree, scripts, ignore_errors=True)
            await in_thread(server.volume.take_ownership)
    return True


async def _follow(server: "Server", container: Container) -> tuple[bytes, int]:
    console = await container.attach()
    await container.start()
    server.events.publish(EventName.DAEMON_MESSAGE, "Starting installation process, this could take a few minutes...")
    splitter, output = LineSplitter(), bytearray()

    def show(lines: list[bytes]) -> None:
        for line in lines:
            server.events.publish(EventName.INSTALL_OUTPUT, line.decode("utf-8", "replace"))

    try:
        async for chunk in console:
            if len(output) < LOG_LIMIT:
                output += chunk
            show(splitter.feed(chunk))
        show(splitter.finish())
    finally:
        await console.close()
    exit_ = await container.wait()
    if exit_.code != 0:
        log.warning("an installation script ended with a code", server=server.uuid, code=exit_.code)
        reason = " (out of memory)" if exit_.out_of_memory else ""
        server.events.publish(
            EventName.DAEMON_MESSAGE, f"The installation script ended with exit code {exit_.code}{reason}."
        )
    return bytes(output), exit_.code


def _write_script(folder: Path, script: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "install.sh"
    path.write_text(script, newline="")
    path.chmod(0o644)


def _write_log(server: "Server", image: str, entrypoint: str, output: bytes, code: int) -> None:
    config = server.node.config
    variables = "\n".join(f"  {html.escape(entry)}" for entry in environment(server.configuration, config))
    head = (
        f"Installation of server {server.uuid}\n\n"
        f"Container image: {image}\nEntrypoint: {entrypoint}\nExit code: {code}\n\n"
        f"Environment variables:\n{variables}\n\nScript output:\n\n"
    )
    path = Path(config.system.log_directory, "install", f"{server.uuid}.log")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(head.encode() + output)
        path.chmod(0o600)
    except OSError as err:
        log.warning("the installation log was not written", server=server.uuid, reason=err.strerror)
