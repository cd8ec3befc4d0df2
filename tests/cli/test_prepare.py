"""What `rookery up` makes is made once, follows the plan, and leaves what an operator changed."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rookery.wings.config import ConfigFile

NETWORK = {
    "name": "rookery_test",
    "subnet": "172.30.0.0/16",
    "gateway": "172.30.0.1",
    "subnet_v6": "fd00::/64",
    "gateway_v6": "fd00::1011",
}


def request(home: Path, **changes: Any) -> dict[str, Any]:
    return {
        "home": str(home),
        "wings_config": str(home / "wings" / "config.yml"),
        "panel": {"host": "127.0.0.1", "port": 18750},
        "wings": {"host": "127.0.0.1", "port": 18751},
        "sftp": {"host": "127.0.0.1", "port": 18752},
        "panel_from_here": "http://127.0.0.1:18750",
        "url": "http://127.0.0.1:18750",
        "urls": ["http://127.0.0.1:18750", "http://localhost:18750"],
        "node_url": "http://127.0.0.1:18751",
        "address": "127.0.0.1",
        "game_address": "127.0.0.1",
        "game_ports": [18760, 18761],
        "admin_username": "admin",
        "admin_email": "admin@example.com",
        "admin_password": None,
        "network": NETWORK,
    } | changes


def prepare(home: Path, **changes: Any) -> dict[str, Any]:
    (home / "wings").mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "rookery.cli.prepare"],
        input=json.dumps(request(home, **changes)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == ("trouble" in outcome)
    return outcome


def rows(home: Path, statement: str) -> list[Any]:
    with sqlite3.connect(home / "panel.sqlite") as database:
        return database.execute(statement).fetchall()


def test_a_fresh_directory_gets_everything_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    first = prepare(tmp_path)
    assert first["administrator"]["username"] == "admin"
    assert len(first["administrator"]["password"]) >= 20
    assert rows(tmp_path, "SELECT username, root_admin FROM users") == [("admin", 1)]
    assert rows(tmp_path, "SELECT ip, port FROM allocations ORDER BY port") == [
        ("127.0.0.1", 18760),
        ("127.0.0.1", 18761),
    ]
    assert len(rows(tmp_path, "SELECT id FROM eggs")) >= 6
    config = (tmp_path / "wings" / "config.yml").read_text()
    assert (tmp_path / "wings" / "config.yml").stat().st_mode & 0o777 == 0o600
    tables = ("users", "nodes", "locations", "allocations", "nests", "eggs", "egg_variables")
    counts = [rows(tmp_path, f"SELECT COUNT(*) FROM {table}") for table in tables]
    assert prepare(tmp_path)["administrator"] is None
    assert [rows(tmp_path, f"SELECT COUNT(*) FROM {table}") for table in tables] == counts
    assert (tmp_path / "wings" / "config.yml").read_text() == config


def test_other_addresses_move_the_node_and_keep_what_was_added_to_its_file(tmp_path: Path) -> None:
    prepare(tmp_path)
    path = tmp_path / "wings" / "config.yml"
    path.write_text(path.read_text().replace("debug: false", "debug: true  # while we look"))
    prepare(tmp_path, node_url="https://node.example.com", wings={"host": "0.0.0.0", "port": 18761})
    assert rows(tmp_path, 'SELECT fqdn, scheme, behind_proxy, "daemonListen" FROM nodes') == [
        ("node.example.com", "https", 1, 443)
    ]
    config = ConfigFile.read(path).current
    assert (config.api.host, config.api.port, config.debug) == ("0.0.0.0", 18761, True)
    assert "# while we look" in path.read_text()


def test_the_node_may_be_asked_by_the_addresses_of_the_panel_only(tmp_path: Path) -> None:
    prepare(tmp_path)
    config = ConfigFile.read(tmp_path / "wings" / "config.yml").current
    assert config.allowed_origins == ("http://127.0.0.1:18750", "http://localhost:18750")
    assert config.docker.network.name == config.docker.network.network_mode == "rookery_test"


def test_an_egg_that_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    prepare(tmp_path)
    with sqlite3.connect(tmp_path / "panel.sqlite") as database:
        database.execute("PRAGMA foreign_keys=ON")
        database.execute("DELETE FROM eggs WHERE name = 'Mumble'")
    prepare(tmp_path)
    assert rows(tmp_path, "SELECT id FROM eggs WHERE name = 'Mumble'") == []


def test_a_given_password_is_not_shown(tmp_path: Path) -> None:
    outcome = prepare(tmp_path, admin_password="correct horse battery")
    assert "correct horse battery" not in json.dumps(outcome)


@pytest.mark.parametrize(
    ("changes", "sentence"), [({"admin_email": "nobody"}, "email"), ({"admin_username": "a b"}, "username")]
)
def test_an_administrator_that_cannot_be_is_refused_in_a_sentence(
    tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    assert sentence in prepare(tmp_path, **changes)["trouble"]


def test_a_damaged_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "panel.sqlite").write_text("this is no database " * 100)
    assert "database" in prepare(tmp_path)["trouble"]
