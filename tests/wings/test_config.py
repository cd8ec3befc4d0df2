"""The configuration file of the daemon: the original's keys, unknown ones kept, wrong ones named."""

import stat
from pathlib import Path

import pytest

from rookery.protocol.problems import Invalid
from rookery.wings.config import ConfigFile

TEXT = """# kept
debug: false
uuid: 11111111-2222-4333-8444-555555555555
token_id: abc
token: 'secret'
api:
  host: 0.0.0.0
  port: 8443  # the port
  upload_limit: 100
future:
  unknown: [1, 2]
remote: https://panel.example
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text(TEXT)
    return tmp_path / "config.yml"


def test_writing_keeps_comments_and_keys_of_others(path: Path) -> None:
    file = ConfigFile.read(path)
    assert file.current.api.port == 8443
    file.save(file.current)
    text = path.read_text()
    assert "# kept" in text
    assert "# the port" in text
    assert "unknown: [1, 2]" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ConfigFile.read(path).current == file.current


def test_a_file_that_says_everything_is_not_written_again(path: Path) -> None:
    file = ConfigFile.read(path)
    file.save(file.current)
    before = path.stat()
    file.save(file.current)
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize(
    ("text", "names"),
    [("api: 5\n", "api"), ("api:\n  port: many\n", "api.port"), ("{", "yaml"), ("- a\n", "")],
)
def test_a_wrong_file_is_refused_with_the_place(path: Path, text: str, names: str) -> None:
    path.write_text(text)
    with pytest.raises(Invalid) as err:
        ConfigFile.read(path)
    assert names in f"{err.value.detail} {err.value.field}".lower()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"nowhere\.yml"):
        ConfigFile.read(tmp_path / "nowhere.yml")


def test_the_token_may_come_from_a_file_of_its_own(path: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    path.write_text(TEXT.replace("'secret'", f"file://{tmp_path}/token"))
    assert ConfigFile.read(path).current.token == "from-a-file"
