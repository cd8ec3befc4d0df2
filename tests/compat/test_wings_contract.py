"""Nothing the original daemon has is missing from ours: routes, events, configuration keys, flags."""

import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

CONTRACT = tomllib.loads(Path(__file__).with_name("wings-contract.toml").read_text())
PAGE = runpy.run_path(str(Path(__file__).parents[2] / "docs/reference/node.py"))


def ours(part: str) -> set[str]:
    """What the code has of one part of the contract."""
    made: dict[str, Any] = {
        "routes": PAGE["routes"],
        "incoming": lambda: PAGE["events"]()[0],
        "outgoing": lambda: PAGE["events"]()[1],
        "keys": lambda: [name for name, _ in PAGE["keys"]()],
        "flags": PAGE["flags"],
    }
    return set(made[part]())


@pytest.mark.parametrize("part", CONTRACT)
def test_nothing_of_the_contract_is_missing(part: str) -> None:
    assert set(CONTRACT[part]) - ours(part) == set()


def test_what_is_ours_alone_is_known() -> None:
    assert ours("routes") - set(CONTRACT["routes"]) == {"GET /health", "GET /metrics", "POST /api/deauthorize-user"}
    assert {name for name in ours("keys") if not name.startswith("rookery.")} == set(CONTRACT["keys"])
