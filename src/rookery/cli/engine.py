"""The Docker Engine of this machine: found, or on Debian and Ubuntu installed and started, with systemd or without.

Asks the engine itself over its socket, so no Docker client is needed. Nothing here outlives the call except the engine.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

from rookery.cli.trouble import Trouble

DEFAULT_HOST = "unix:///var/run/docker.sock"
PACKAGES = ("docker.io", "iptables", "iproute2", "cgroupfs-mount", "ca-certificates")
ANSWER_SECONDS = 5.0
START_SECONDS = 60.0
BUILD_SECONDS = 1800.0
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")
LOG = Path("/var/log/dockerd.log")

Say = Callable[[str], None]


class Engine:
    """One engine by its address, `unix:///path` or `tcp://host:port`."""

    def __init__(self, host: str) -> None:
        self.host = host

    def get(self, path: str) -> Any:
        """The decoded answer to a GET of the Engine API.

        Raises:
            OSError: nothing answers there, or we may not ask.
        """
        connection = self._connection()
        try:
            connection.request("GET", path, headers={"Host": "docker"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise OSError(f"the engine answered {answer.status} to {path}")
            return json.loads(body) if body[:1] in b"{[" else body.decode()
        except http.client.HTTPException as err:
            raise OSError(f"no engine speaks there: {err!r}") from err
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether an engine answers there.

        Raises:
            Trouble: one is there, but this user may not use it.
        """
        try:
            self.get("/_ping")
        except PermissionError as err:
            raise Trouble(
                f"No permission to use the Docker Engine at {self.host}. "
                "Run as root, or add this user to the group `docker` and sign in again."
            ) from err
        except OSError:
            return False
        return True

    def has_image(self, image: str) -> bool:
        """Whether there is a local image of this name."""
        try:
            self.get(f"/images/{quote(image)}/json")
        except OSError:
            return False
        return True

    def post(self, path: str, body: object) -> None:
        """Have the engine do what a JSON body asks for.

        Raises:
            Trouble: it refused; the message is its own.
        """
        text = json.dumps(body).encode()
        self._change("POST", path, BytesIO(text), size=len(text), kind="application/json")

    def delete(self, path: str) -> None:
        """Have the engine remove something; that it is gone already is fine.

        Raises:
            Trouble: it refused.
        """
        self._change("DELETE", path, accepted=(http.HTTPStatus.NOT_FOUND,))

    def tag(self, image: str, name: str) -> None:
        """Give a local image one more name."""
        repository, _, tag = name.rpartition(":")
        self._change("POST", f"/images/{quote(image)}/tag?{urlencode({'repo': repository, 'tag': tag})}")

    def build(self, context: Path, tags: Iterable[str], arguments: Mapping[str, str]) -> None:
        """Build an image from a tar file with a Dockerfile; its steps use this machine's network.

        Raises:
            Trouble: a step failed; the message is the end of what it said.
        """
        question = {
            "t": list(tags),
            "buildargs": json.dumps(dict(arguments)),
            "networkmode": "host",
            "forcerm": "1",
        }
        said: list[str] = []
        with context.open("rb") as body:
            answer = self._change(
                "POST", f"/build?{urlencode(question, doseq=True)}", body, size=context.stat().st_size
            )
        for line in answer.splitlines():
            step = json.loads(line)
            if "error" in step:
                raise Trouble(f"An image could not be built: {''.join(said)[-600:].strip()} {step['error']}")
            said.append(step.get("stream", ""))

    def _change(
        self,
        method: str,
        path: str,
        body: BinaryIO | None = None,
        *,
        size: int = 0,
        kind: str = "application/x-tar",
        accepted: tuple[int, ...] = (),
    ) -> bytes:
        connection = self._connection()
        connection.timeout = BUILD_SECONDS
        try:
            headers = {"Host": "docker", "Content-Type": kind, "Content-Length": str(size)}
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= http.HTTPStatus.BAD_REQUEST and answer.status not in accepted:
                raise Trouble(f"The Docker Engine refused: {text.decode(errors='replace').strip()}")
            return text
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        url = urlsplit(self.host)
        if url.scheme == "unix":
            return _UnixConnection(url.path)
        if url.scheme in {"tcp", "http"} and url.hostname:
            return http.client.HTTPConnection(url.hostname, url.port or 2375, timeout=ANSWER_SECONDS)
        raise Trouble(f"The engine's address {self.host!r} is neither unix:///PATH nor tcp://HOST:PORT.")


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ensure(host: str, say: Say) -> Engine:
    """An engine that answers at `host`; at the usual socket it is installed and started where that is possible.

    Raises:
        Trouble: none answers and none can be started from here; the sentence says why.
    """
    engine = Engine(host)
    if engine.answers():
        return engine
    if host not in {DEFAULT_HOST, "unix:///run/docker.sock"}:
        raise Trouble(f"No Docker Engine answers at {host}.")
    if os.geteuid() != 0:
        raise Trouble(
            "No Docker Engine answers on this machine. Start Docker, or run this once as root to install and start it."
        )
    if shutil.which("dockerd") is None or shutil.which("iptables") is None:
        install(say)
    start(engine, say)
    return engine


def install(say: Say) -> None:
    """Install Debian's or Ubuntu's own Docker packages; their services are not started here.

    Raises:
        Trouble: this system has no apt, or apt failed.
    """
    if shutil.which("apt-get") is None:
        raise Trouble("No Docker Engine is installed, and this is no Debian or Ubuntu: please install Docker first.")
    say("Installing Docker (docker.io) with apt; this takes a minute or two.")
    # While this file answers 101, packages start no services.
    holding = not SERVICE_POLICY.exists()
    if holding:
        SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n")
        SERVICE_POLICY.chmod(0o755)
    try:
        if apt("install", "-y", "--no-install-recommends", *PACKAGES).returncode:
            apt("update")
            result = apt("install", "-y", "--no-install-recommends", *PACKAGES)
            if result.returncode:
                last = result.stdout.strip().splitlines()[-1:] or ["no message"]
                raise Trouble(f"Docker could not be installed by apt: {last[0]}")
    finally:
        if holding:
            SERVICE_POLICY.unlink(missing_ok=True)


def apt(*words: str) -> subprocess.CompletedProcess[str]:
    """Run apt-get without questions, waiting for another one to finish."""
    return subprocess.run(
        ["apt-get", "-o", "DPkg::Lock::Timeout=600", "-qq", *words],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def start(engine: Engine, say: Say) -> None:
    """Start the installed engine and wait until it answers; it keeps running after us.

    Raises:
        Trouble: it ended at once, or did not answer within a minute; the sentence names its log.
    """
    say("Starting the Docker Engine.")
    process: subprocess.Popen[bytes] | None = None
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "enable", "--now", "docker"], capture_output=True, check=False)
        log = "`journalctl -u docker`"
    else:
        process, log = _spawn(), str(LOG)
    deadline = time.monotonic() + START_SECONDS
    while not engine.answers():
        if process is not None and process.poll() is not None:
            raise Trouble(f"The Docker Engine ended while starting{_last_complaint()}; its log is {log}.")
        if time.monotonic() > deadline:
            raise Trouble(f"The Docker Engine did not answer within {START_SECONDS:.0f} seconds; its log is {log}.")
        time.sleep(0.1)


def _spawn() -> subprocess.Popen[bytes]:
    """The engine in a session of its own, for machines without a service manager."""
    if not os.path.ismount("/sys/fs/cgroup"):
        if shutil.which("cgroupfs-mount"):
            subprocess.run(["cgroupfs-mount"], capture_output=True, check=False)
        else:
            subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], capture_output=True, check=False)
    _forget_dead("/var/run/docker.pid")
    with LOG.open("ab") as log:
        return subprocess.Popen(
            ["dockerd", "--host", DEFAULT_HOST],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _forget_dead(pidfile: str) -> None:
    """Remove a process id left behind by an engine that is gone; it would keep the next one from starting."""
    try:
        pid = int(Path(pidfile).read_text())
        os.kill(pid, 0)
    except (ValueError, ProcessLookupError):
        Path(pidfile).unlink(missing_ok=True)
    except OSError:
        return


def _last_complaint() -> str:
    lines = LOG.read_text(errors="replace").splitlines()[-20:]
    failed = [line for line in lines if line.startswith("failed to") or "level=fatal" in line]
    return f" ({failed[-1]})" if failed else ""
