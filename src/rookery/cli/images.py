"""`rookery images`: builds the container images of the bundled eggs on this machine, without any registry.

The lowest image is a root file system made from the machine's own package sources; the others are layers on it. An
image whose recipe did not change is left alone.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rookery.cli import engine, recipes, rootfs
from rookery.cli.recipes import Recipe
from rookery.cli.trouble import Trouble, reported

MARKS = "rookery/recipes"
"""Each image carries its recipe's fingerprint as a tag of this repository: a label would show in every container."""
LOCK = Path("/run/rookery-images.lock")


def main(argv: Sequence[str]) -> int:
    """The exit status of `rookery images`."""
    parser = argparse.ArgumentParser(prog="rookery images", description="Container images of the bundled eggs.")
    parser.add_argument("--docker-host", metavar="ADDRESS", help="the Docker Engine [DOCKER_HOST]")
    parser.add_argument("--recipes", metavar="DIR", type=Path, action="append", help="further recipes: images.toml")
    verbs = parser.add_subparsers(dest="verb", required=True)
    build_parser = verbs.add_parser("build", help="build images; all of them when none is named")
    build_parser.add_argument("names", nargs="*", metavar="NAME")
    build_parser.add_argument("--force", action="store_true", help="also those whose recipe did not change")
    verbs.add_parser("list", help="the names of the images and their tags")
    arguments = parser.parse_args(argv)
    folders = (recipes.BUNDLED, *(arguments.recipes or ()))
    host = arguments.docker_host or os.environ.get("DOCKER_HOST") or engine.DEFAULT_HOST
    if arguments.verb == "list":
        return reported("images", lambda: show(folders))
    return reported("images", lambda: build(folders, arguments.names, host, force=arguments.force))


def show(folders: Sequence[Path]) -> int:
    """Print every recipe with its tags."""
    for recipe in recipes.load(*folders).values():
        print(f"{recipe.name:<14} {', '.join(recipe.tags)}")
    return 0


def build(folders: Sequence[Path], names: Sequence[str], host: str, *, force: bool) -> int:
    """Build the named images and what they stand on; one build at a time on a machine.

    Raises:
        Trouble: an image could not be built; those before it are there.
    """
    known = recipes.load(*folders)
    wanted = recipes.in_order(known, names or known)
    if os.geteuid() != 0:
        raise Trouble("Images are built from a root file system; run this as root.")
    docker = engine.ensure(host, say)
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    marks: dict[str, str] = {}
    for recipe in wanted:
        if recipe.optional and not rootfs.has_packages(recipe.packages):
            say(f"{recipe.name}: left out, this release has no {' or '.join(recipe.packages)}")
            continue
        mark = marks[recipe.name] = recipes.fingerprint(recipe, marks.get(recipe.on, ""))
        below = known[recipe.on].tags[0] if recipe.on else ""
        made(docker, recipe, mark, below, force=force)
    return 0


def say(text: str) -> None:
    """Tell the operator what is being done."""
    print(f"images: {text}", flush=True)


def made(docker: engine.Engine, recipe: Recipe, mark: str, below: str, *, force: bool) -> None:
    """Have one image, built now or before, under all its tags.

    Raises:
        Trouble: the build failed; the message is its last line.
    """
    kept = f"{MARKS}:{recipe.name}-{mark[:40]}"
    if not force and docker.has_image(kept):
        for tag in recipe.tags:
            docker.tag(kept, tag)
        say(f"{recipe.name}: up to date")
        return
    say(f"{recipe.name}: building")
    began = time.monotonic()
    arguments = {"BASE": below, "PACKAGES": " ".join(recipe.packages)}
    through = rootfs.proxy()
    if through:
        arguments |= {"http_proxy": through}
    with tempfile.TemporaryDirectory(prefix="rookery-image-") as folder:
        context = Path(folder) / "context.tar"
        pack(recipe, Path(folder), context)
        docker.build(context, (*recipe.tags, kept), arguments)
    say(f"{recipe.name}: took {time.monotonic() - began:.0f} s")


def pack(recipe: Recipe, folder: Path, context: Path) -> None:
    """Write the build context of a recipe, with what is made for it in `folder`.

    Raises:
        Trouble: something it takes in could not be made.
    """
    with tarfile.open(context, "w") as archive:
        for path in recipes.files(recipe.folder):
            archive.add(path, str(path.relative_to(recipe.folder)))
        if not recipe.on:
            root = folder / "root.tar"
            rootfs.make(root, recipe.packages, say)
            archive.add(root, "root.tar")
        if recipe.npm:
            archive.add(npm_packages(recipe, folder / "npm"), "node_modules")


def npm_packages(recipe: Recipe, folder: Path) -> Path:
    """The locked npm packages of a recipe, installed without running any of their scripts.

    Raises:
        Trouble: npm is missing or failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise Trouble(f"The image {recipe.name} needs npm on this machine.")
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(recipe.folder / name, folder)
    words = [npm, "ci", "--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run([*words, "--loglevel=error"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"The npm packages of {recipe.name} could not be installed: {done.stderr.strip()[-300:]}")
    return folder / "node_modules"
