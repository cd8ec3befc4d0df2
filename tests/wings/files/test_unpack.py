"""Archives: what goes in comes out, and what is hostile in them stays in them."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import cramjam
import lz4.frame
import pytest
from backports import zstd

from rookery.protocol.units import Bytes
from rookery.wings.files.archives import compress
from rookery.wings.files.formats import Bomb, Broken, Protected, UnknownFormat
from rookery.wings.files.patterns import Patterns
from rookery.wings.files.unpack import unpack
from rookery.wings.files.volume import NoDiskSpace, Volume

MIB = 1024 * 1024
NOTHING = Patterns.parse([])


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    found = Volume(str(tmp_path / "volume"), uid=os.getuid(), gid=os.getgid(), limit=Bytes(0))
    found.make()
    return found


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name: str, content: bytes = b"x", **changes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = 0o644, 1_600_000_000
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def put(volume: Volume, name: str, content: bytes) -> None:
    (Path(volume.root) / name).write_bytes(content)


def tree(volume: Volume) -> dict[str, str]:
    """Every file with its text, every link with where it leads, every folder as a slash."""
    found = {}
    for path, what, _, _ in volume.walk():
        place = Path(volume.root) / path
        if stat.S_ISLNK(what.st_mode):
            found[path] = f"-> {place.readlink()}"
        else:
            found[path] = "/" if place.is_dir() else place.read_text(errors="replace") if place.is_file() else "?"
    return found


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda raw: raw,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zz": zlib.compress,
    ".zst": zstd.compress,
    ".lz4": lz4.frame.compress,
    ".sz": lambda raw: bytes(cramjam.snappy.compress(raw)),
    ".br": brotli.compress,
}


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("name", ["a.tar{}", "no-ending", "A.TAR{}"])
def test_every_packed_tar_is_known_by_its_content(volume: Volume, ending: str, name: str) -> None:
    name = name.format(ending)
    if ending == ".br" and "br" not in name:
        name += ".br"  # Brotli has no mark of its own
    put(volume, name, PACKERS[ending](tar(member("in/a.txt", b"hello"), member("in/empty", b"", type=tarfile.DIRTYPE))))
    unpack(volume, "to", name, NOTHING)
    assert tree(volume)["to/in/a.txt"] == "hello"
    assert tree(volume)["to/in/empty"] == "/"
    assert int((Path(volume.root) / "to/in/a.txt").stat().st_mtime) == 1_600_000_000


def test_a_zip_is_unpacked_and_a_single_file_too(volume: Volume) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.txt", "hello")
    put(volume, "a.zip", out.getvalue())
    put(volume, "latest.log.gz", gzip.compress(b"a line"))
    unpack(volume, "", "a.zip", NOTHING)
    unpack(volume, "", "latest.log.gz", NOTHING)
    assert tree(volume)["in/a.txt"] == "hello"
    assert tree(volume)["latest.log"] == "a line"


HOSTILE = [
    member("../../evil.txt"),
    member("/etc/evil.txt"),
    member("a/../../../evil2.txt"),
    member("link-abs", b"", type=tarfile.SYMTYPE, linkname="/etc"),
    member("link-up", b"", type=tarfile.SYMTYPE, linkname="../../outside"),
    member("link-in", b"", type=tarfile.SYMTYPE, linkname="sub/target"),
    member("pipe", b"", type=tarfile.FIFOTYPE),
    member("device", b"", type=tarfile.CHRTYPE),
    member("suid", b"x", mode=0o6777),
]


def test_nothing_of_a_hostile_archive_leaves_the_volume(volume: Volume, tmp_path: Path) -> None:
    put(volume, "evil.tar", tar(*HOSTILE))
    unpack(volume, "to", "evil.tar", NOTHING)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["volume"]
    found = tree(volume)
    assert {path for path in found if path.endswith(("evil.txt", "evil2.txt"))} == {
        "evil.txt",
        "to/etc/evil.txt",
        "evil2.txt",
    }
    assert found["to/link-in"] == "-> sub/target"
    assert not {"to/link-abs", "to/link-up", "to/pipe", "to/device"} & set(found)
    assert stat.S_IMODE((Path(volume.root) / "to/suid").stat().st_mode) == 0o755


def test_a_file_is_not_written_through_a_link_of_the_same_archive(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    members = [member("d", b"", type=tarfile.SYMTYPE, linkname="../outside"), member("d/evil.txt")]
    put(volume, "a.tar", tar(*members))
    unpack(volume, "", "a.tar", NOTHING)  # the link is left out, so `d` is a folder of the volume
    assert list((tmp_path / "outside").iterdir()) == []


def test_another_name_of_a_file_is_a_copy_of_it(volume: Volume) -> None:
    put(volume, "a.tar", tar(member("a", b"one"), member("b", b"", type=tarfile.LNKTYPE, linkname="a")))
    unpack(volume, "to", "a.tar", NOTHING)
    assert tree(volume)["to/b"] == "one"


def test_denied_files_are_left_out_and_the_rest_is_unpacked(volume: Volume) -> None:
    put(volume, "a.tar", tar(member("a.key"), member("b.txt")))
    unpack(volume, "to", "a.tar", Patterns.parse(["/to/*.key"]))
    assert set(tree(volume)) == {"a.tar", "to", "to/b.txt"}


def test_a_bomb_is_refused_before_it_fills_the_disk(volume: Volume) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small", "x")
    raw = bytearray(out.getvalue())
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")  # it claims four gigabytes
    put(volume, "bomb.zip", bytes(raw))
    with pytest.raises((Bomb, Broken)):
        unpack(volume, "", "bomb.zip", NOTHING)
    assert volume.count() < 10_000


def test_a_limit_holds_although_the_archive_lies(volume: Volume) -> None:
    volume.limit = Bytes(MIB)
    put(volume, "big.tar.gz", gzip.compress(tar(member("big", bytes(2 * MIB)))))
    with pytest.raises(NoDiskSpace):
        unpack(volume, "", "big.tar.gz", NOTHING)
    assert set(tree(volume)) == {"big.tar.gz"}


@pytest.mark.parametrize("ending", [ending for ending in PACKERS if ending])
def test_a_few_bytes_that_stand_for_many_are_refused(volume: Volume, ending: str) -> None:
    packed = PACKERS[ending](b"\0" * (64 * MIB))
    put(volume, f"zeros{ending}", packed)
    volume.limit = Bytes(2 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(NoDiskSpace):
            unpack(volume, "", f"zeros{ending}", NOTHING)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", [".sz", ".zz", ".gz", ".bz2", ".xz"])
def test_a_changed_byte_is_called_damaged_or_unknown(volume: Volume, ending: str) -> None:
    packed = bytearray(PACKERS[ending](tar(member("a", os.urandom(50_000)))))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = b"\xff" * 40
    put(volume, f"a.tar{ending}", bytes(packed))
    with pytest.raises(Broken):
        unpack(volume, "to", f"a.tar{ending}", NOTHING)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", *(f"a.tar{ending}" for ending in PACKERS if ending)])
def test_a_cut_archive_is_called_damaged(volume: Volume, name: str) -> None:
    whole = tar(member("a", os.urandom(50_000)))
    if "." + name.rpartition(".")[2] in PACKERS:
        whole = PACKERS["." + name.rpartition(".")[2]](whole)
    if name.endswith(".zip"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("a", os.urandom(50_000))
        whole = out.getvalue()
    put(volume, name, whole[: len(whole) // 2])
    with pytest.raises(Broken):
        unpack(volume, "to", name, NOTHING)


def test_a_text_is_no_archive_and_a_password_is_said(volume: Volume) -> None:
    put(volume, "a.zip", b"just words, called a zip")
    with pytest.raises(UnknownFormat):
        unpack(volume, "", "a.zip", NOTHING)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "x")
    raw = bytearray(out.getvalue())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + at] |= 1
    put(volume, "locked.zip", bytes(raw))
    with pytest.raises(Protected):
        unpack(volume, "", "locked.zip", NOTHING)


def test_compressing_and_unpacking_gives_the_same_tree(volume: Volume) -> None:
    volume.make_folder("d/empty")
    with volume.replacing("d/a.txt", size=5) as out:
        out.write(b"hello")
    volume.chmod("d/a.txt", 0o750)
    volume.link("d/l", "a.txt")
    os.mkfifo(Path(volume.root) / "d/pipe")
    entry = compress(volume, "", ["d"], level="best_speed")
    assert entry.name.startswith("archive-")
    assert entry.name.endswith(".tar.gz")
    unpack(volume, "to", entry.name, NOTHING)
    found = tree(volume)
    assert (found["to/d/a.txt"], found["to/d/l"], found["to/d/empty"]) == ("hello", "-> a.txt", "/")
    assert stat.S_IMODE((Path(volume.root) / "to/d/a.txt").stat().st_mode) == 0o750


def test_an_archive_that_does_not_fit_leaves_nothing(volume: Volume) -> None:
    volume.limit = Bytes(MIB)
    with volume.replacing("a", size=700_000) as out:
        out.write(os.urandom(700_000))
    with pytest.raises(NoDiskSpace):
        compress(volume, "", ["a"], level="best_speed")
    assert set(tree(volume)) == {"a"}
    assert volume.used == 700_000


def test_a_file_that_shrinks_while_it_is_packed_does_not_spoil_the_archive(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(volume, "a", bytes(100_000))
    put(volume, "b", b"after")
    real = os.fstat

    def larger(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if found.st_size == 100_000:
            os.truncate(Path(volume.root) / "a", 10)
        return found

    monkeypatch.setattr(os, "fstat", larger)
    entry = compress(volume, "", ["a", "b"], level="none")
    monkeypatch.undo()
    unpack(volume, "to", entry.name, NOTHING)
    assert (Path(volume.root) / "to/a").stat().st_size == 100_000
    assert tree(volume)["to/b"] == "after"
