"""Eggs of every format: imported through the API, exported equal, refused with a reason."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.panel.conftest import EGG, Site

from rookery.panel.eggs.service import parse_document
from rookery.protocol.eggs import read_egg, write_egg

pytestmark = pytest.mark.anyio
SAMPLES = sorted((Path(__file__).parents[1] / "compat" / "eggs").iterdir())
COLLECTION = os.environ.get("ROOKERY_EGGS")
"""A folder with more eggs, to go through as well."""


def test_the_sample_has_every_kind_of_file() -> None:
    texts = [path.read_text(encoding="utf-8-sig") for path in SAMPLES]
    for mark in ("PTDL_v1", "PTDL_v2", "PLCN_v"):
        assert any(mark in text for text in texts)
    assert {path.suffix for path in SAMPLES} >= {".json", ".yaml"}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_an_egg_of_the_field_is_read_and_written_equal(path: Path) -> None:
    egg = parse_document(path.read_bytes())
    again = read_egg(json.loads(json.dumps(write_egg(egg))))
    assert again.variables == egg.variables
    assert write_egg(again) | {"exported_at": ""} == write_egg(egg) | {"exported_at": ""}


def batches(paths: list[Path], size: int = 40) -> list[list[Path]]:
    return [paths[at : at + size] for at in range(0, len(paths), size)]


@pytest.mark.timeout(600)
async def test_files_are_imported_through_the_api_and_exported_equal(site: Site) -> None:
    folder = Path(COLLECTION) if COLLECTION else SAMPLES[0].parent
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".yaml", ".yml"))
    refused: dict[str, str] = {}
    for batch in batches(paths):
        files = [{"name": str(path), "content": path.read_text(encoding="utf-8-sig")} for path in batch]
        answer = await site.call(
            "POST", f"/api/rookery/admin/nests/{site.ids['nest']}/eggs", files, key=site.ids["app_key"]
        )
        assert answer.status == 201
        for path, result in zip(batch, answer.json["data"], strict=True):
            if "error" in result:
                refused[path.name] = result["error"]
                continue
            url = f"/api/rookery/admin/eggs/{result['egg']['id']}/export"
            exported = await site.call("GET", url, key=site.ids["app_key"])
            wanted = write_egg(parse_document(path.read_bytes())) | {"exported_at": ""}
            assert exported.json | {"exported_at": ""} == wanted
    print(f"{len(paths) - len(refused)} of {len(paths)} files imported and exported equal; refused: {refused}")
    assert all(reason for reason in refused.values())
    assert len(refused) <= len(paths) // 20


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"meta": {}}, "meta.version is missing"),
        ({"meta": {"version": "PTDL_v9"}}, "PTDL_v9"),
        ({"name": ""}, "no name"),
        ({"docker_images": {}}, "no container image"),
        ({"docker_images": {"x": "bad image; rm"}}, "not a valid name"),
        ({"config": EGG["config"] | {"files": "{not json"}}, "config.files"),
        ({"variables": [EGG["variables"][0] | {"env_variable": "SERVER_PORT"}]}, "SERVER_PORT is reserved"),
        ({"variables": [EGG["variables"][0] | {"env_variable": "A B"}]}, "'A B' is not valid"),
        ({"variables": [EGG["variables"][0] | {"rules": "required|nonsense"}]}, "nonsense"),
    ],
)
async def test_a_bad_egg_is_refused_with_its_reason(site: Site, changes: dict[str, Any], reason: str) -> None:
    files = [{"name": "bad.json", "content": json.dumps(EGG | changes)}]
    answer = await site.call(
        "POST", f"/api/rookery/admin/nests/{site.ids['nest']}/eggs", files, key=site.ids["app_key"]
    )
    assert answer.status == 422
    assert reason in answer.json["data"][0]["error"]


async def test_good_files_are_kept_beside_bad_ones(site: Site) -> None:
    files = [{"name": "good", "content": json.dumps(EGG)}, {"name": "bad", "content": "nonsense: ["}]
    answer = await site.call(
        "POST", f"/api/rookery/admin/nests/{site.ids['nest']}/eggs", files, key=site.ids["app_key"]
    )
    assert answer.status == 201
    assert [sorted(result) for result in answer.json["data"]] == [["egg", "name"], ["error", "field", "name"]]


async def test_updating_an_egg_keeps_the_values_of_its_servers(site: Site) -> None:
    server = await site.server()
    changed = EGG | {"name": "Echo 2", "variables": [EGG["variables"][0] | {"default_value": "new"}]}
    answer = await site.call("PUT", f"/api/rookery/admin/eggs/{site.ids['egg']}", changed, key=site.ids["app_key"])
    assert answer.status == 200
    shown = await site.call("GET", f"/api/application/servers/{server['id']}", key=site.ids["app_key"])
    environment = shown.json["attributes"]["container"]["environment"]
    assert environment["MOTD"] == "hello"
    assert "SECRET" not in environment


async def test_an_egg_with_servers_cannot_be_deleted(site: Site) -> None:
    await site.server()
    answer = await site.call("DELETE", f"/api/rookery/admin/eggs/{site.ids['egg']}", key=site.ids["app_key"])
    assert (answer.status, answer.codes[0][0]) == (400, "HasActiveServersException")


async def test_only_administrators_touch_eggs(site: Site) -> None:
    for key in (None, site.ids["alice_key"]):
        answer = await site.call("POST", f"/api/rookery/admin/nests/{site.ids['nest']}/eggs", EGG, key=key)
        assert answer.status in (401, 403)
