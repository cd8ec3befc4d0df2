"""The volume: one door, which leads nowhere else, and a limit that holds."""

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rookery.protocol.problems import Invalid, NotFound
from rookery.protocol.units import Bytes
from rookery.wings.files import beneath
from rookery.wings.files.paths import joined, strict
from rookery.wings.files.volume import IsFolder, NoDiskSpace, Special, Taken, Volume, copy_names

MIB = 1024 * 1024
SECRET = "secret of the host"


@pytest.fixture(params=["openat2", "walk"])
def volume(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Volume]:
    """A volume beside things that are none of its users' business, with both ways of opening."""
    if request.param == "walk":
        monkeypatch.setattr(beneath, "has_openat2", lambda: False)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    found = Volume(str(tmp_path / "volume"), uid=os.getuid(), gid=os.getgid(), limit=Bytes(0))
    found.make()
    yield found
    assert (outside / "secret.txt").read_text() == SECRET
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]
    assert stat.S_IMODE((outside / "secret.txt").stat().st_mode) == 0o644


def inside(volume: Volume) -> Path:
    return Path(volume.root)


def write(volume: Volume, path: str, content: bytes = b"x", size: int | None = None) -> None:
    with volume.replacing(path, size=len(content) if size is None else size) as out:
        out.write(content)


def read(volume: Volume, path: str) -> bytes:
    descriptor, _ = volume.open_file(path)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


# Paths


@pytest.mark.parametrize(
    ("path", "found"), [("a/b", "a/b"), ("/a//b/", "a/b"), ("a/../b", "b"), ("", ""), ("/", ""), ("./a", "a")]
)
def test_paths_become_relative(path: str, found: str) -> None:
    assert strict(path) == found


@pytest.mark.parametrize("path", ["..", "../a", "/../a", "a/../../b", "/a/../.."])
def test_strict_paths_cannot_climb(path: str) -> None:
    with pytest.raises(NotFound):
        strict(path)


@pytest.mark.parametrize(("root", "name", "found"), [("/", "../x", "x"), ("/..", "x", "x"), ("a", "../../../b", "b")])
def test_joined_paths_stay_at_the_top(root: str, name: str, found: str) -> None:
    assert joined(root, name) == found


def test_a_path_of_the_host_that_lies_in_the_volume_means_it() -> None:
    assert strict("/srv/one/a/b", "/srv/one") == "a/b"
    assert joined("/", "/srv/one/a", "/srv/one") == "a"
    assert strict("/srv/onething", "/srv/one") == "srv/onething"


def test_a_nul_is_refused_by_name(volume: Volume) -> None:
    with pytest.raises(Invalid, match="NUL"):
        volume.stat("a\0b")


# Writing


def test_a_file_is_replaced_whole_and_keeps_its_rights(volume: Volume) -> None:
    write(volume, "a.txt", b"old")
    os.chmod(inside(volume) / "a.txt", 0o755)
    write(volume, "a.txt", b"new and longer")
    assert read(volume, "a.txt") == b"new and longer"
    assert stat.S_IMODE((inside(volume) / "a.txt").stat().st_mode) == 0o755


def test_what_fails_half_way_changes_nothing_and_leaves_nothing(volume: Volume) -> None:
    write(volume, "a.txt", b"old")

    def half() -> None:
        with volume.replacing("a.txt", size=100) as out:
            out.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert read(volume, "a.txt") == b"old"
    assert os.listdir(inside(volume)) == ["a.txt"]


def test_no_more_than_was_declared_is_written(volume: Volume) -> None:
    write(volume, "a.txt", b"0123456789", size=4)
    assert read(volume, "a.txt") == b"0123"


def test_folders_on_the_way_are_made(volume: Volume) -> None:
    write(volume, "a/b/c.txt")
    assert stat.S_IMODE((inside(volume) / "a/b").stat().st_mode) == 0o755


def test_a_folder_is_not_overwritten_by_a_file(volume: Volume) -> None:
    volume.make_folder("a")
    with pytest.raises(IsFolder):
        write(volume, "a")


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_neither_read_nor_written_and_blocks_nobody(volume: Volume, kind: str) -> None:
    place = inside(volume) / "odd"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(place))
    for call in (lambda: volume.open_file("odd"), lambda: write(volume, "odd"), lambda: volume.copy("odd")):
        with pytest.raises((Special, NotFound, OSError)):
            call()
    assert [entry.name for entry in volume.list("")] == ["odd"]


# Links

CALLS: list[Callable[[Volume, str], object]] = [
    lambda volume, path: volume.open_file(path),
    lambda volume, path: volume.list(path),
    lambda volume, path: write(volume, path),
    lambda volume, path: volume.make_folder(f"{path}/new"),
    lambda volume, path: volume.rename(path, "here.txt"),
    lambda volume, path: volume.rename("mine.txt", f"{path}.moved"),
    lambda volume, path: volume.copy(path),
    lambda volume, path: volume.chmod(path, 0o777),
    lambda volume, path: volume.remove(path),
    lambda volume, path: volume.link(f"{path}.link", "x"),
]


@pytest.mark.parametrize("target", ["../outside", "{outside}", "sub/../../outside", "/proc/self/root{outside}"])
@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_done_through_a_link_that_leads_out(
    volume: Volume, call: Callable[[Volume, str], object], target: str
) -> None:
    write(volume, "mine.txt")
    volume.make_folder("sub")
    outside = inside(volume).parent / "outside"
    (inside(volume) / "out").symlink_to(target.format(outside=outside))
    with pytest.raises((NotFound, Invalid, OSError)):
        call(volume, "out/secret.txt")


@pytest.mark.parametrize("call", CALLS[:1] + CALLS[6:8])
def test_a_link_to_a_file_outside_is_not_followed(volume: Volume, call: Callable[[Volume, str], object]) -> None:
    (inside(volume) / "out").symlink_to(inside(volume).parent / "outside" / "secret.txt")
    with pytest.raises((NotFound, OSError)):
        call(volume, "out")


def test_a_link_itself_can_be_moved_and_deleted(volume: Volume) -> None:
    (inside(volume) / "out").symlink_to(inside(volume).parent / "outside")
    volume.rename("out", "other")
    volume.remove("other")
    assert volume.list("") == []


def test_deleting_a_folder_deletes_links_in_it_and_not_where_they_lead(volume: Volume) -> None:
    volume.make_folder("a/b")
    (inside(volume) / "a/b/out").symlink_to(inside(volume).parent / "outside")
    volume.remove("a")
    assert volume.list("") == []


@pytest.mark.parametrize("call", [CALLS[2], CALLS[3], CALLS[8], CALLS[7]])
def test_a_folder_swapped_for_a_link_in_the_middle_wins_nothing(
    volume: Volume, call: Callable[[Volume, str], object]
) -> None:
    """A thousand rounds against a neighbour who swaps a folder and a link as fast as they can."""
    root, outside = inside(volume), inside(volume).parent / "outside"
    (root / "real").mkdir()
    (root / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for source in ("real", "link"):
                try:
                    os.rename(root / source, root / "door")
                    os.rename(root / "door", root / source)
                except OSError:
                    continue

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(1000):
            try:
                call(volume, "door/secret.txt")
            except (NotFound, Invalid, OSError):
                continue
    finally:
        stop.set()
        thread.join()


# Moving, copying, deleting


def test_renaming_never_overwrites(volume: Volume) -> None:
    write(volume, "a", b"a")
    write(volume, "b", b"b")
    with pytest.raises(Taken):
        volume.rename("a", "b")
    assert (read(volume, "a"), read(volume, "b")) == (b"a", b"b")


def test_renaming_makes_folders_and_refuses_the_impossible(volume: Volume) -> None:
    write(volume, "a/x")
    volume.rename("a", "b/c/d")
    assert read(volume, "b/c/d/x") == b"x"
    for old, new in (("", "x"), ("b", ""), ("b", "b/c/e"), ("nothing", "x")):
        with pytest.raises((NotFound, Invalid)):
            volume.rename(old, new)


def test_copies_get_free_names(volume: Volume) -> None:
    write(volume, "d/a.tar.gz", b"1")
    assert [volume.copy("d/a.tar.gz") for _ in range(3)] == ["a copy.tar.gz", "a copy 1.tar.gz", "a copy 2.tar.gz"]
    names = copy_names(".env.local")
    assert [next(names) for _ in range(2)] == [".env copy.local", ".env copy 1.local"]


def test_deleting_goes_as_deep_as_it_must(volume: Volume) -> None:
    here = os.open(volume.root, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    volume.count()
    volume.take_ownership()
    volume.remove("d")
    assert volume.list("") == []


@pytest.mark.parametrize("path", ["", "/", ".", "a/.."])
def test_the_root_cannot_be_deleted(volume: Volume, path: str) -> None:
    write(volume, "a")
    with pytest.raises(NotFound):
        volume.remove(path)
    assert len(volume.list("")) == 1


def test_rights_are_masked_and_links_left_alone(volume: Volume) -> None:
    write(volume, "a")
    volume.chmod("a", 0o7755)
    assert stat.S_IMODE((inside(volume) / "a").stat().st_mode) == 0o755
    (inside(volume) / "l").symlink_to("a")
    with pytest.raises(NotFound):
        volume.chmod("l", 0o600)
    assert stat.S_IMODE((inside(volume) / "a").stat().st_mode) == 0o755


def test_a_listing_has_folders_first_and_names_by_their_bytes(volume: Volume) -> None:
    for name in ("b", "a", "Z", "ü"):
        write(volume, name)
    volume.make_folder("z")
    (inside(volume) / "link").symlink_to("z")
    shown = [entry.shown() for entry in volume.list("")]
    assert [each["name"] for each in shown] == ["z", "Z", "a", "b", "link", "ü"]
    assert [each["directory"] for each in shown][:2] == [True, False]
    assert [each["name"] for each in shown if each["symlink"]] == ["link"]


# Room


@pytest.fixture
def small(volume: Volume) -> Volume:
    volume.limit = Bytes(MIB)
    return volume


def test_a_limit_holds_for_every_way_to_write(small: Volume) -> None:
    def grow() -> None:
        with small.growing("c") as out:
            for _ in range(100):
                out.write(bytes(10_000))

    write(small, "a", bytes(600_000))
    for call in (lambda: write(small, "b", bytes(500_000)), lambda: small.copy("a"), grow):
        with pytest.raises(NoDiskSpace):
            call()
    assert small.used == 600_000 == small.count()
    assert [entry.name for entry in small.list("")] == ["a"]


def test_what_is_freed_can_be_used_again(small: Volume) -> None:
    write(small, "a", bytes(MIB))
    with pytest.raises(NoDiskSpace):
        write(small, "b")
    small.remove("a")
    write(small, "b", bytes(MIB))
    write(small, "b", bytes(10))
    assert small.used == 10 == small.count()


def test_files_from_before_count(small: Volume) -> None:
    (inside(small) / "old").write_bytes(bytes(MIB))
    with pytest.raises(NoDiskSpace):
        write(small, "a")


def test_many_writers_at_once_never_pass_the_limit(small: Volume) -> None:
    def fill(number: int) -> None:
        for at in range(20):
            try:
                write(small, f"{number}-{at}", bytes(30_000))
            except NoDiskSpace:
                continue

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert MIB - 30_000 < small.count() <= MIB


def test_without_room_at_all_not_even_an_empty_file_is_written(volume: Volume) -> None:
    volume.limit = Bytes(-1)
    with pytest.raises(NoDiskSpace):
        write(volume, "a", b"")
    volume.make_folder("d")
