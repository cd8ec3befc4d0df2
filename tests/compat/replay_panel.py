"""Play recorded exchanges of the original Panel against fresh instances of ours; `make replay-panel`.

Everything the player asks for is made here and removed again: an instance with the stock eggs and the keys, a MariaDB for
database hosts, a file for mails. `CONFORMANCE` is the folder with the recordings and their player, `GOLDEN` names further
recordings, `DATABASE` is where the Panel keeps its own data: sqlite, mariadb or postgresql.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = ROOT / "tests" / "compat" / "panel-allowed.txt"
ROOKERY = ROOT / ".venv" / "bin" / "rookery"
PASSWORD = "Pass-admin-123"
DB_USER, DB_PASSWORD = "replayhost", "replay-host-password"
GRANTS = {"full": 3, "read": 1, "none": 0, "write": 2, "nodes": None}
"""Rights of the application keys; None is everything on nodes and nothing else."""


def main() -> int:
    """Play both profiles; the exit status is 0 when nothing differs."""
    recordings = Path(os.environ.get("CONFORMANCE") or ROOT.parent / "shared" / "conformance") / "panel"
    if not (recordings / "replay.py").exists():
        print(f"There are no recordings at {recordings}; name their folder in CONFORMANCE.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="rookery-replay-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        with mariadb(place / "mariadb") as port:
            worst = 0
            for profile in ("main", "s3"):
                with database(place, profile, port) as url:
                    worst = max(worst, play(recordings, place / profile, profile, url, port))
    return worst


# What the player asks for


def free_ports(number: int) -> int:
    """The first of some ports in a row that nobody listens on."""
    for first in random.sample(range(21000, 32000, number), 200):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + number):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise RuntimeError("no free ports")


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[int]:
    """A MariaDB of its own with an account that may make databases and users; its port."""
    if shutil.which("mariadbd") is None:
        subprocess.run([ROOT / "deploy" / "install-packages", "mariadb-server"], check=True)
    folder.mkdir()
    shutil.chown(folder, "mysql")
    port, socket_file = free_ports(1), folder / "socket"
    install = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={folder}", "--skip-test-db"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    command = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={folder}", f"--port={port}"]
    command += ["--bind-address=127.0.0.1", f"--socket={socket_file}", "--innodb-flush-log-at-trx-commit=0"]
    client = ["mariadb", "--no-defaults", "-uroot", f"--socket={socket_file}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(
                lambda: subprocess.run([*client, "-e", "SELECT 1"], capture_output=True, check=False).returncode == 0
            )
            account = f"'{DB_USER}'@'127.0.0.1'"
            setup = (
                f"CREATE USER {account} IDENTIFIED BY '{DB_PASSWORD}'; GRANT ALL ON *.* TO {account} WITH GRANT OPTION;"
            )
            subprocess.run([*client, "-e", setup], check=True)
            yield port
        finally:
            server.terminate()


@contextlib.contextmanager
def database(place: Path, profile: str, port: int) -> Iterator[str]:
    """Where the Panel keeps its data; empty for a SQLite file in its own folder."""
    kind = os.environ.get("DATABASE") or "sqlite"
    if kind == "sqlite":
        yield ""
    elif kind == "mariadb":
        name = f"rookery_{profile}"
        client = ["mariadb", "--no-defaults", "-uroot", f"--socket={place / 'mariadb' / 'socket'}"]
        subprocess.run([*client, "-e", f"CREATE DATABASE {name} CHARACTER SET utf8mb4"], check=True)
        yield f"mysql+asyncmy://{DB_USER}:{DB_PASSWORD}@127.0.0.1:{port}/{name}?charset=utf8mb4"
    elif kind == "postgresql":
        with postgresql(place / f"postgresql-{profile}") as url:
            yield url
    else:
        raise SystemExit(f"DATABASE is sqlite, mariadb or postgresql, not {kind!r}.")


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL of its own."""
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        subprocess.run([ROOT / "deploy" / "install-packages", "postgresql"], check=True)
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    folder.mkdir()
    shutil.chown(folder, "postgres")
    port = free_ports(1)
    user = {"user": "postgres", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([programs / "initdb", "-D", folder, "-U", "rookery", "--auth=trust"], check=True, **user)
    options = ["-D", folder, "-p", str(port), "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    with subprocess.Popen([programs / "postgres", *options, "-c", "listen_addresses=127.0.0.1"], **user) as server:
        try:
            ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
            wait_for(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0)
            yield f"postgresql+asyncpg://rookery@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()


def wait_for(question: object, seconds: float = 60) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + seconds
    while not question():  # type: ignore[operator]  # a function
        if time.monotonic() > deadline:
            raise TimeoutError("A server did not come up.")
        time.sleep(0.2)


# An instance


def play(recordings: Path, home: Path, profile: str, url: str, db_port: int) -> int:
    """One profile on a fresh instance; the player's exit status."""
    home.mkdir()
    panel, daemons = free_ports(1), free_ports(12)
    base, mails = f"http://127.0.0.1:{panel}", home / "mails.txt"
    mails.touch()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ROOKERY_")},
        "ROOKERY_HOME": str(home),
        "ROOKERY_PANEL_LISTEN": f"127.0.0.1:{panel}",
        "ROOKERY_URL": base,
        "ROOKERY_NAME": "Pterodactyl",
        "ROOKERY_SERVICE_AUTHOR": "author@example.com",
        "ROOKERY_LIMITS": "false",
        "ROOKERY_DATABASE": url,
        "ROOKERY_MAIL_MAILER": "file",
        "ROOKERY_MAIL_FILE": str(mails),
    }
    if profile == "s3":
        environment |= {
            "ROOKERY_BACKUP_DRIVER": "s3",
            "ROOKERY_AWS_BACKUPS_BUCKET": "backups-bucket",
            "ROOKERY_AWS_DEFAULT_REGION": "us-east-1",
            "ROOKERY_AWS_ACCESS_KEY_ID": "AKIASCENARIO",
            "ROOKERY_AWS_SECRET_ACCESS_KEY": "any secret",
            "ROOKERY_AWS_ENDPOINT": f"http://127.0.0.1:{daemons + 3}",
            "ROOKERY_AWS_USE_PATH_STYLE_ENDPOINT": "true",
        }
    admin = ["--username", "admin", "--email", "admin@example.com", "--first-name", "Ad", "--last-name", "Min"]
    subprocess.run(
        [ROOKERY, "panel", "user", "create", *admin, "--password", PASSWORD, "--admin"],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    furnish = [sys.executable, __file__, "furnish", str(recordings / "stock-eggs")]
    keys = subprocess.run(furnish, check=True, env=environment, capture_output=True, text=True).stdout.split()
    with subprocess.Popen([ROOKERY, "panel", "serve"], env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: answers(f"{base}/auth/login"))
            words = ["--base", base, "--admin-password", PASSWORD, "--no-limits", "--settle", "1"]
            words += ["--wings-port", str(daemons), "--mail-log", str(mails), "--allow", str(ALLOWED)]
            words += ["--db-port", str(db_port), "--db-user", DB_USER, "--db-password", DB_PASSWORD]
            words += ["--profile", "s3"] if profile == "s3" else []
            words += [word for key in keys for word in ("--app-key", key)]
            if golden := os.environ.get("GOLDEN", "").split():
                words += [word for folder in (str(recordings), *golden) for word in ("--golden", folder)]
            print(f"Profile {profile}", flush=True)
            return subprocess.run([sys.executable, "replay.py", *words], cwd=recordings, check=False).returncode
        finally:
            server.terminate()


def answers(url: str) -> bool:
    """Whether a web server is there."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


async def furnish(eggs: Path) -> None:
    """Nests and eggs with the numbers of the original, and the keys; prints `name=key`."""
    from sqlalchemy import select

    from rookery.panel.accounts import service as accounts
    from rookery.panel.accounts.models import User
    from rookery.panel.app import make_panel
    from rookery.panel.eggs.service import import_egg, make_nest, parse_document
    from rookery.panel.settings import PanelSettings
    from rookery.panel.work import Work

    panel = make_panel(PanelSettings())
    async with panel.sessions() as session:
        work = Work(session, panel.sessions)
        files = iter(sorted(eggs.glob("[0-9]*.json")))
        for found in json.loads((eggs / "nests.json").read_text()):
            author = found.get("author", "support@pterodactyl.io")
            nest = await make_nest(work, found["name"], found.get("description"), author)
            for _ in found["eggs"]:
                await import_egg(work, parse_document(next(files).read_bytes()), nest)
        admin = await session.scalar(select(User))
        for name, level in GRANTS.items():
            grants = {each: (3 if each == "nodes" else 0) if level is None else level for each in accounts.RESOURCES}
            key, secret = await accounts.create_key(
                work, admin, kind=accounts.APPLICATION_KEY, memo=name, grants=grants
            )
            print(f"{name}={key.identifier}{secret}")
        await work.commit()
    await panel.engine.dispose()


if __name__ == "__main__":
    if sys.argv[1:2] == ["furnish"]:
        asyncio.run(furnish(Path(sys.argv[2])))
    else:
        sys.exit(main())
