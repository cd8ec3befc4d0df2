"""Rules as the Panel sends them, and what placeholders in their values become."""

from typing import Any

import pytest

from rookery.wings.servers.configuration import ServerConfiguration
from rookery.wings.servers.eggfiles.apply import values_of
from rookery.wings.servers.eggfiles.rules import read_rules


def value_of(value: Any, *, parser: str = "properties", values: dict[str, str] | None = None) -> Any:
    entry = {"file": "f", "parser": parser, "replace": [{"match": "k", "replace_with": value}]}
    found = read_rules(entry, interface="172.18.0.1", values=values or {})
    assert found is not None
    return found.rules[0].value


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("{{config.docker.interface}}", "172.18.0.1"),
        ("{{ config.docker.network.interface }}:1", "172.18.0.1:1"),
        ("{{config.docker.interface}}|{{config.token}}", "172.18.0.1|"),
        ("x{{config.token}}y", ""),
        ("{{config.app_name}}", ""),
        ("{{OTHER}}", "{{OTHER}}"),
        (5, 5),
        (None, None),
    ],
)
def test_placeholders_reach_the_network_address_and_no_secret(value: Any, filled: Any) -> None:
    assert value_of(value) == filled


def test_the_file_parser_does_not_look_at_placeholders_of_the_daemon() -> None:
    assert value_of("{{config.docker.interface}}", parser="file") == "{{config.docker.interface}}"


def test_placeholders_of_the_server_that_the_panel_left_standing_are_filled() -> None:
    server = ServerConfiguration.read(
        {
            "settings": {
                "uuid": "u",
                "environment": {"MOTD": "hi", "SLOTS": 20, "NONE": None},
                "allocations": {"default": {"ip": "10.0.0.1", "port": 25565}},
                "build": {"memory_limit": 512},
            }
        },
        uuid="u",
        crash_detection=True,
    )
    values = values_of(server)
    assert value_of("{{server.build.default.port}}", values=values) == "25565"
    assert value_of("{{env.MOTD}} {{server.build.env.SLOTS}} {{server.environment.SLOTS}}", values=values) == "hi 20 20"
    assert value_of("{{env.SERVER_PORT}}/{{env.SERVER_MEMORY}}", values=values) == "25565/512"
    assert value_of("{{server.allocations.default.ip}}", parser="file", values=values) == "10.0.0.1"
    assert value_of("{{server.nothing}}", values=values) == "{{server.nothing}}"


@pytest.mark.parametrize("entry", [{}, {"file": ""}, {"file": 5}, {"parser": "ini"}])
def test_an_entry_without_a_file_has_no_rules(entry: dict[str, Any]) -> None:
    assert read_rules(entry, interface="", values={}) is None


def test_an_entry_with_odd_rules_keeps_the_good_ones() -> None:
    entry = {"file": "f", "parser": "json", "replace": [None, "x", {"match": "a", "value": 1, "if_value": 2}]}
    found = read_rules(entry, interface="", values={})
    assert found is not None
    assert [(rule.match, rule.value, rule.condition) for rule in found.rules] == [("a", 1, "2")]
    assert read_rules({"file": "f", "replace": None}, interface="", values={}) is not None
