"""Settings files of a real folder: what is written, what stays, and that nothing hostile stops a start."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rookery.protocol.units import Bytes
from rookery.wings.files.volume import Volume
from rookery.wings.servers.eggfiles.apply import PARSERS, write_all


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "volume").mkdir()
    return tmp_path / "volume"


@pytest.fixture
def volume(root: Path) -> Volume:
    return Volume(str(root), uid=os.getuid(), gid=os.getgid(), limit=Bytes(0))


def entry(file: str, parser: str, **replace: Any) -> dict[str, Any]:
    return {"file": file, "parser": parser, "replace": [{"match": k, "replace_with": v} for k, v in replace.items()]}


def apply(volume: Volume, *entries: dict[str, Any]) -> list[str]:
    return write_all(volume, entries, interface="172.18.0.1")


def test_a_missing_file_is_made_with_its_folders(volume: Volume, root: Path) -> None:
    assert apply(volume, entry("a/b/c.ini", "ini", k="v")) == []
    assert (root / "a/b/c.ini").read_text() == "k = v\n"
    assert (root / "a/b/c.ini").stat().st_mode & 0o777 == 0o644


def test_a_file_that_must_not_be_made_is_not(volume: Volume, root: Path) -> None:
    assert apply(volume, {**entry("x.ini", "ini", k="v"), "create_file": False}) == []
    assert list(root.iterdir()) == []


def test_an_unknown_parser_leaves_an_empty_file(volume: Volume, root: Path) -> None:
    assert apply(volume, entry("x", "toml", k="v")) == []
    assert (root / "x").read_bytes() == b""


def test_two_entries_of_one_file_both_count(volume: Volume, root: Path) -> None:
    apply(volume, entry("x.json", "yaml", a="1"), entry("x.json", "yaml", b="2"))
    assert (root / "x.json").read_text() == "a: 1\nb: 2\n"


def test_a_broken_file_stays_and_the_others_are_written(volume: Volume, root: Path) -> None:
    (root / "bad.json").write_text("{")
    failures = apply(volume, entry("bad.json", "json", a="1"), entry("good.yml", "yml", a="1"))
    assert [failure.split(":")[0] for failure in failures] == ["bad.json"]
    assert (root / "bad.json").read_text() == "{"
    assert (root / "good.yml").read_text() == "a: 1\n"


def test_mode_and_other_bytes_of_a_file_are_kept(volume: Volume, root: Path) -> None:
    (root / "x.cfg").write_bytes(b"name \xff\xfe\nport 1\n")
    (root / "x.cfg").chmod(0o600)
    assert apply(volume, entry("x.cfg", "file", port="port 2")) == []
    assert (root / "x.cfg").read_bytes() == b"name \xff\xfe\nport 2\n"
    assert (root / "x.cfg").stat().st_mode & 0o777 == 0o600


def test_old_property_files_are_read_as_latin_1(volume: Volume, root: Path) -> None:
    (root / "x.properties").write_bytes(b"motd=Gr\xfc\xdfe\n")
    assert apply(volume, entry("x.properties", "properties", a="1")) == []
    assert (root / "x.properties").read_bytes() == b"motd=Gr\\u00fc\\u00dfe\na=1\n"


def test_xml_keeps_its_encoding(volume: Volume, root: Path) -> None:
    (root / "x.xml").write_bytes('<?xml version="1.0" encoding="iso-8859-1"?>\n<a><b>ü</b></a>'.encode("latin-1"))
    assert apply(volume, {"file": "x.xml", "parser": "xml", "replace": [{"match": "a.c", "replace_with": "ß ☃"}]}) == []
    assert "<b>ü</b>\n  <c>ß &#9731;</c>".encode("latin-1") in (root / "x.xml").read_bytes()


@pytest.mark.parametrize("path", ["../outside", "link", "link/x", "/etc/../../outside", "folder", "pipe"])
def test_nothing_outside_the_volume_or_special_is_touched(volume: Volume, root: Path, path: str) -> None:
    outside = root.parent / "outside"
    outside.write_text("port 1\n")
    (root / "link").symlink_to(outside)
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    apply(volume, entry(path, "file", port="port 2"))
    assert outside.read_text() == "port 1\n"


def test_a_file_that_is_too_large_stays(volume: Volume, root: Path) -> None:
    with (root / "x.yml").open("wb") as file:
        file.truncate(PARSERS["yaml"].most + 1)
    assert len(apply(volume, entry("x.yml", "yaml", a="1"))) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(
    content=st.binary(max_size=300) | st.text("[]{}&*:-<>!?=\"'\\\n ab1.#;%@$", max_size=120).map(str.encode),
    parser=st.sampled_from(sorted(PARSERS)),
    changes=st.lists(
        st.fixed_dictionaries(
            {
                "match": st.text(max_size=30) | st.text("ab.*[]0~1@='", max_size=20),
                "replace_with": st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
            },
            optional={"if_value": st.text(max_size=10) | st.just("regex:(a+)+$")},
        ),
        max_size=4,
    ),
)
def test_no_file_and_no_rule_stops_a_start(
    volume: Volume, root: Path, content: bytes, parser: str, changes: list[dict[str, Any]]
) -> None:
    (root / "x").write_bytes(content)
    failures = write_all(volume, [{"file": "x", "parser": parser, "replace": changes}], interface="172.18.0.1")
    if failures:
        assert (root / "x").read_bytes() == content
