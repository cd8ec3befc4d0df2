"""Run an egg's script in a container of its own, tell the viewers, and owe the Panel the outcome.

Source: Wings 1.11 installation. As there, the script's exit code decides nothing: scripts of the field end with all
kinds of codes after good installations. It is written to the log and shown when it is not 0.
"""

import contextlib
import html
import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import structlog

from rookery.protocol.problems import Conflict, Problem
from rookery.protocol.states import ProcessState
from rookery.wings.events import EventName
from rookery.wings.runtime.base import Container, Progress
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
    """Install the server and report the outcome; True when it worked. Only a server that is deleted has no report."""
    successful = False
    try:
        if server.configuration.skip_egg_scripts:
            successful = True
        else:
            server.events.publish(EventName.INSTALL_STARTED, "")
            await _run(server)
            successful = True
    except Problem as err:
        log.warning("an installation failed", server=server.uuid, reason=err.detail)
        if "installing" not in server.held_by:
            server.events.publish(EventName.DAEMON_MESSAGE, f"The installation failed: {err.detail}")
    except Exception as err:
        # The Panel waits for the outcome, whatever went wrong here.
        log.exception("an installation failed unexpectedly", server=server.uuid)
        reason = err.strerror if isinstance(err, OSError) and err.strerror else "an unexpected error occurred"
        server.events.publish(EventName.DAEMON_MESSAGE, f"The installation failed: {reason}.")
    await _report(server, successful=successful, reinstall=reinstall)
    server.happen(Happened.EXITED)
    server.events.publish(EventName.INSTALL_COMPLETED, "")
    server.count_soon()
    return successful


async def _report(server: "Server", *, successful: bool, reinstall: bool) -> None:
    outcome = {"successful": successful, "reinstall": reinstall}
    await server.node.reports.owe(server.uuid, f"/servers/{server.uuid}/install", outcome)


async def reinstall(server: "Server") -> None:
    """Stop the server, fetch its configuration and install it anew; a failure before the script is reported too."""
    try:
        if server.state is not ProcessState.OFFLINE:
            await server.power.stop_within(_STOP_SECONDS, kill=True)
        await server.sync()
    except Problem as err:
        log.warning("a reinstallation could not begin", server=server.uuid, reason=err.detail)
        server.events.publish(EventName.DAEMON_MESSAGE, f"The installation failed: {err.detail}")
        await _report(server, successful=False, reinstall=True)
        return
    await install(server, reinstall=True)


@dataclass(frozen=True, slots=True)
class Script:
    """What the Panel says an installation runs. Source: `GET /api/remote/servers/{uuid}/install`."""

    image: str
    entrypoint: str
    text: str

    @classmethod
    def read(cls, answer: Any) -> "Script":
        """The script in the Panel's answer, with the line ends a shell wants; none is an empty one.

        Raises:
            Conflict: the answer names no image or its script is no text.
        """
        found = answer if isinstance(answer, dict) else {}
        image, text = found.get("container_image"), found.get("script")
        if not isinstance(image, str) or not image or not isinstance(text, str | None):
            raise Conflict("The Panel's answer names no installer image or holds no script.")
        return cls(image, str(found.get("entrypoint") or ""), (text or "").replace("\r\n", "\n"))


async def _run(server: "Server") -> None:
    runtime, config = server.node.runtime, server.node.config
    script = Script.read(await server.node.panel.installation(server.uuid))
    folder = Path(config.system.tmp_directory, server.uuid)
    container = runtime.container(f"{server.uuid}_installer")
    with server.exclusive("installing"):
        async with contextlib.AsyncExitStack() as afterwards:
            afterwards.push_async_callback(in_thread, _own_files, server)
            afterwards.push_async_callback(in_thread, partial(shutil.rmtree, folder, ignore_errors=True))
            afterwards.push_async_callback(container.remove)
            await in_thread(_write_script, folder, script.text)
            await runtime.fetch(script.image, registry_access(script.image, config), _progress(server))
            await container.remove()
            await in_thread(server.volume.make)
            if server.configuration.allocations.force_outgoing_ip:
                await runtime.prepare(outgoing_network(server.configuration.allocations.default_ip))
            await runtime.create(
                installer_spec(
                    server.configuration,
                    config,
                    image=script.image,
                    entrypoint=script.entrypoint,
                    volume=server.volume.root,
                    scripts=str(folder),
                )
            )
            await _follow(server, container, script)


def _progress(server: "Server") -> Progress:
    return lambda line: server.events.publish(EventName.INSTALL_OUTPUT, line)


async def _follow(server: "Server", container: Container, script: Script) -> None:
    """Show and keep the script's output to its end."""
    console = await container.attach()
    try:
        await container.start()
        say = partial(server.events.publish, EventName.DAEMON_MESSAGE)
        say("Starting installation process, this could take a few minutes...")
        journal = await in_thread(Journal.begin, server, script)
        try:
            splitter = LineSplitter()
            async for chunk in console:
                await in_thread(journal.add, chunk)
                _show(server, splitter.feed(chunk))
            _show(server, splitter.finish())
            ended = await container.wait()
            await in_thread(journal.add, f"\nExit code: {ended.code}\n".encode())
        finally:
            await in_thread(journal.end)
    finally:
        await console.close()
    if ended.code != 0:
        log.warning("an installation script ended with a code", server=server.uuid, code=ended.code)
        reason = " (out of memory)" if ended.out_of_memory else ""
        say(f"The installation script ended with exit code {ended.code}{reason}.")


def _show(server: "Server", lines: list[bytes]) -> None:
    for line in lines:
        server.events.publish(EventName.INSTALL_OUTPUT, line.decode("utf-8", "replace"))


class Journal:
    """The log file of a server's last installation, written as it goes; at most `LOG_LIMIT` bytes of output.

    A file that cannot be written costs the log, not the installation. Blocking.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO | None = None
        self._left = LOG_LIMIT
        self._path = path

    @classmethod
    def begin(cls, server: "Server", script: Script) -> "Journal":
        """Replace the file of the installation before by a new one with its head."""
        config = server.node.config
        journal = cls(Path(config.system.log_directory, "install", f"{server.uuid}.log"))
        variables = "\n".join(f"  {html.escape(entry)}" for entry in environment(server.configuration, config))
        head = (
            f"Installation of server {server.uuid}\n\n"
            f"Container image: {script.image}\nEntrypoint: {script.entrypoint}\n\n"
            f"Environment variables:\n{variables}\n\nScript output:\n\n"
        )
        try:
            journal._open(head.encode("utf-8", "replace"))
        except OSError as err:
            journal._give_up(err)
        return journal

    def _open(self, head: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._file.write(head)

    def add(self, output: bytes) -> None:
        """Keep some output."""
        if self._file is None or self._left <= 0:
            return
        try:
            self._file.write(output[: self._left])
        except OSError as err:
            self._give_up(err)
        self._left -= len(output)

    def end(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up(self, err: OSError) -> None:
        log.warning("the installation log was not written", path=str(self._path), reason=err.strerror)
        self.end()


def _own_files(server: "Server") -> None:
    """Files of a script that ran as root become the server's; a volume that is gone meanwhile has none."""
    with contextlib.suppress(FileNotFoundError):
        server.volume.take_ownership()


def _write_script(folder: Path, script: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "install.sh"
    path.write_text(script, newline="")
    path.chmod(0o644)
