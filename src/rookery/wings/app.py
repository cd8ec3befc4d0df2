"""Composition root of the daemon: configuration in, running node out; the order of start and end."""

import asyncio
import contextlib
import importlib
import os
import pwd
import signal
import socket
import subprocess
import time
import zoneinfo
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from rookery.protocol.problems import Invalid, Problem
from rookery.wings.activity import Activity
from rookery.wings.certificates import Certificates
from rookery.wings.config import Config, ConfigFile
from rookery.wings.http.app import build
from rookery.wings.http.console import ConsoleRoutes
from rookery.wings.logs import Sink
from rookery.wings.panel.client import PanelClient, PanelError
from rookery.wings.panel.reports import Reports
from rookery.wings.runtime.base import Runtime
from rookery.wings.runtime.docker import DockerRuntime
from rookery.wings.servers.node import Node
from rookery.wings.servers.registry import Registry
from rookery.wings.servers.spec import node_network
from rookery.wings.sftp.host_key import ensure_host_key
from rookery.wings.store import Store
from rookery.wings.threads import in_thread
from rookery.wings.tokens import Tokens

if TYPE_CHECKING:
    from rookery.wings.sftp.server import SftpListener

log = structlog.get_logger()
_STOP_SECONDS = 3.0


class Wings:
    """One running node."""

    def __init__(self, config_file: ConfigFile, runtime: Runtime, *, verify_tls: bool = True) -> None:
        system = config_file.current.system
        self._store = Store(Path(system.root_directory, "wings.db"))
        panel = PanelClient(config_file, verify_tls=verify_tls)
        reports, activity = Reports(self._store, panel), Activity(self._store, config_file)
        self.node = Node(config_file, runtime, panel, reports, activity, Tokens())
        self.registry = Registry(self.node)
        self._consoles: ConsoleRoutes | None = None
        self._certificates: Certificates | None = None
        self._runner: web.AppRunner | None = None
        self._sftp_socket: socket.socket | None = None
        self._sftp: SftpListener | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; game servers go on afterwards.

        Raises:
            Problem: the Panel's list of servers, the engine or the listener could not be had.
        """
        try:
            await self.registry.load()
            await self._prepare_network()
            await in_thread(self.node.config_file.save, self.node.config)
            self._sftp_socket = await in_thread(self._bind_sftp)
            await self._listen()
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(self._serve_sftp(), name="sftp"),
                    tasks.create_task(self._restore(), name="restore"),
                    tasks.create_task(self.registry.write_states_forever(), name="states"),
                    tasks.create_task(
                        self.node.activity.send_forever(lambda body: self.node.panel.post("/activity", body)),
                        name="activity",
                    ),
                ]
                if self._certificates is not None:
                    background.append(tasks.create_task(self._certificates.follow(), name="certificates"))
                await stop.wait()
                for task in background:
                    task.cancel()
        finally:
            await self._end()

    async def _prepare_network(self) -> None:
        file, docker = self.node.config_file, self.node.config.docker
        if docker.network.driver in ("host", "none"):
            return
        found = await self.node.runtime.prepare(node_network(file.current))
        isolated = found.driver in ("overlay", "weavemesh")
        interface = {"host": "127.0.0.1"}.get(found.driver, "" if isolated else found.gateway)
        network = replace(
            docker.network, driver=found.driver, ispn=isolated, interface=interface or docker.network.interface
        )
        file.current = replace(file.current, docker=replace(docker, network=network))

    async def _listen(self) -> None:
        api = self.node.config.api
        app, self._consoles = build(self.registry)
        self.registry.closing = self._consoles.close_server
        if api.ssl.enabled:
            self._certificates = Certificates(api.ssl)
        tls = self._certificates.context if self._certificates else None
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, api.host, api.port, ssl_context=tls, backlog=1024).start()
        except OSError as err:
            raise Invalid(f"The API cannot listen on {api.host}:{api.port}: {err.strerror or err}.") from err
        log.info("the API listens", host=api.host, port=api.port)

    def _bind_sftp(self) -> socket.socket:
        """Take the port and have the host key; who connects from now on is served once the library is there."""
        system = self.node.config.system
        ensure_host_key(system.data)
        address, port = system.sftp.bind_address, system.sftp.bind_port
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return socket.create_server((address, port), family=family, backlog=256)
        except OSError as err:
            raise Invalid(f"SFTP cannot listen on {address}:{port}: {err.strerror or err}.") from err

    async def _serve_sftp(self) -> None:
        """Begin to serve; the library takes a third of the time to start, so it is loaded when the API answers."""
        assert self._sftp_socket is not None
        library = await in_thread(importlib.import_module, "rookery.wings.sftp.server")
        self._sftp = library.SftpListener(self.registry, ensure_host_key(self.node.config.system.data))
        try:
            await self._sftp.start(self._sftp_socket)
        except Problem as err:
            log.error("SFTP is not served", reason=err.detail)  # noqa: TRY400 - the sentence says it

    def renew(self) -> None:
        """Take changed files: the configuration but for what is bound, and the certificate."""
        try:
            self.node.config_file.reload()
        except Problem as err:
            log.warning("the changed configuration cannot be used", reason=err.detail)
        else:
            log.info("the configuration was read anew")
        if self._certificates is not None:
            self._certificates.renew()

    async def _restore(self) -> None:
        await asyncio.gather(self._reset(), self.registry.restore())
        await self.node.reports.send_forever()

    async def _reset(self) -> None:
        """Have the Panel free servers it holds for something that ended with this node."""
        try:
            await self.node.panel.reset()
        except PanelError as err:
            log.warning("the Panel was not told to reset stuck states", reason=err.detail)

    async def _end(self) -> None:
        with contextlib.suppress(OSError):
            await in_thread(self.registry.write_states)
        if self._consoles is not None:
            await self._consoles.close_all()
        if self._sftp is not None:
            await self._sftp.close()
        if self._sftp_socket is not None:
            self._sftp_socket.close()
        await self.registry.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.node.panel.close()
        await self.node.runtime.close()
        self._store.close()


def prepare_host(config: Config) -> Config:
    """Make the node's directories and system user; the configuration with what was found out.

    Raises:
        Invalid: the time zone is unknown, or the user or a directory cannot be made.
    """
    system = config.system
    timezone = system.timezone or _host_timezone()
    if timezone != "UTC":
        try:
            zoneinfo.ZoneInfo(timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as err:
            raise Invalid(f"The time zone {timezone} is not known.", field="system.timezone") from err
    uid, gid = _system_user(config)
    for path, mode in (
        (system.root_directory, 0o700),
        (system.data, 0o700),
        (system.archive_directory, 0o700),
        (system.backup_directory, 0o700),
        (system.tmp_directory, 0o700),
        (system.log_directory, 0o755),
        (f"{system.log_directory}/install", 0o700),
    ):
        try:
            Path(path).mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as err:
            raise Invalid(f"The directory {path} cannot be made: {err.strerror}.") from err
    states = Path(system.root_directory, "states.json")
    if not states.exists():
        states.touch(mode=0o644)
    user = replace(system.user, uid=uid, gid=gid)
    return replace(config, system=replace(system, timezone=timezone, user=user, data=os.path.realpath(system.data)))


def _host_timezone() -> str:
    if name := os.environ.get("TZ"):
        return name
    try:
        return Path("/etc/timezone").read_text().strip() or "UTC"
    except OSError:
        link = os.path.realpath("/etc/localtime")
        return link.partition("/zoneinfo/")[2] or "UTC"


def _system_user(config: Config) -> tuple[int, int]:
    system = config.system
    if system.user.rootless.enabled:
        return os.getuid(), os.getgid()
    if os.environ.get("WINGS_UID"):
        return int(os.environ["WINGS_UID"]), int(os.environ.get("WINGS_GID") or os.environ["WINGS_UID"])
    try:
        found = pwd.getpwnam(system.username)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", system.username]
        try:
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
            found = pwd.getpwnam(system.username)
        except (OSError, subprocess.CalledProcessError, KeyError) as err:
            raise Invalid(f"The system user {system.username} cannot be created.", field="system.username") from err
    return found.pw_uid, found.pw_gid


async def serve(config_file: ConfigFile, sink: Sink, *, verify_tls: bool = True) -> None:
    """Run a node until SIGTERM or SIGINT; SIGHUP has it open its log and read its files anew.

    Raises:
        Problem: it cannot run; the sentence says why.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    began = time.monotonic()
    wings = Wings(config_file, DockerRuntime(), verify_tls=verify_tls)

    def renew() -> None:
        sink.reopen()
        wings.renew()

    loop.add_signal_handler(signal.SIGHUP, renew)
    running = asyncio.create_task(wings.run(stop), name="wings")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not running.done() and time.monotonic() - began < 1:
        log.info("stopped while starting")
    try:
        async with asyncio.timeout(_STOP_SECONDS * 3):
            await running
    except TimeoutError:
        log.warning("the node did not end in time and is cut off")
    finally:
        stopping.cancel()
