"""An instance is what flags say, else the environment, else its last start, else the defaults."""

import argparse
from pathlib import Path

import pytest

from rookery.cli import plan
from rookery.cli.plan import Address, ports
from rookery.cli.trouble import Trouble

HOME = Path("/srv/one")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    plan.add_options(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000),
        (":8000", "0.0.0.0", 8000),
        ("8000", "0.0.0.0", 8000),
        ("[::1]:8000", "::1", 8000),
        (" localhost:1 ", "localhost", 1),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert Address.parse(text, what="the Panel") == Address(host, port)


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:65536", "host:-1", "host:8e3"])
def test_another_text_is_no_address(text: str) -> None:
    with pytest.raises(Trouble, match="HOST:PORT"):
        Address.parse(text, what="the Panel")


def test_a_flag_beats_the_environment_which_beats_the_last_start() -> None:
    said = plan.chosen(
        parsed("--panel-listen", "127.0.0.1:1001"),
        {"ROOKERY_PANEL_LISTEN": "127.0.0.1:1002", "ROOKERY_WINGS_LISTEN": "127.0.0.1:1003"},
    )
    kept = {"panel_listen": "127.0.0.1:1004", "wings_listen": "127.0.0.1:1005", "sftp_listen": "127.0.0.1:1006"}
    wanted = plan.plan(HOME, said, kept, outward="192.0.2.7")
    assert (wanted.panel.port, wanted.wings.port, wanted.sftp.port) == (1001, 1003, 1006)


def test_a_panel_on_every_interface_is_shown_by_the_address_of_the_machine() -> None:
    wanted = plan.plan(HOME, {}, {}, outward="192.0.2.7")
    assert wanted.url == "http://192.0.2.7:8000"
    assert wanted.game_address == "0.0.0.0"
    assert "http://127.0.0.1:8000" in wanted.urls()


def test_a_panel_on_loopback_keeps_the_node_there_and_lets_players_in() -> None:
    wanted = plan.plan(HOME, {"panel_listen": "127.0.0.1:9000"}, {}, outward="192.0.2.7")
    assert (wanted.url, wanted.address, wanted.game_address) == ("http://127.0.0.1:9000", "127.0.0.1", "0.0.0.0")


def test_two_listeners_on_one_port_are_refused() -> None:
    with pytest.raises(Trouble, match="three different ports"):
        plan.plan(HOME, {"panel_listen": "127.0.0.1:8080"}, {}, outward="192.0.2.7")


def test_ports_are_ranges_and_single_ones_each_once() -> None:
    assert ports("25565-25567, 27015,25566") == (25565, 25566, 25567, 27015)


@pytest.mark.parametrize("text", ["", "80", "25570-25565", "1024-65536", "a-b", "2000-4000"])
def test_ports_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(Trouble, match="ports of game servers"):
        ports(text)


def test_what_is_kept_comes_back_and_no_password_is_kept(tmp_path: Path) -> None:
    plan.keep(tmp_path, {"panel_listen": "127.0.0.1:9000", "admin_password": "secret"})
    assert plan.kept_in(tmp_path) == {"panel_listen": "127.0.0.1:9000"}
