"""Recipes of container images: what stands on what, and how to tell that nothing changed since the last build."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rookery.cli.trouble import Trouble

BUNDLED = Path(__file__).with_name("recipes")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: a folder with a Dockerfile, and what its arguments are."""

    name: str
    tags: tuple[str, ...]
    folder: Path
    on: str = ""
    packages: tuple[str, ...] = ()
    optional: bool = False
    npm: bool = False


def load(*folders: Path) -> dict[str, Recipe]:
    """The recipes of `images.toml` in each folder; later folders add names, and tags to names that are there already.

    Raises:
        Trouble: a file is missing or says something we do not know.
    """
    found: dict[str, Recipe] = {}
    for folder in folders:
        try:
            table = tomllib.loads((folder / "images.toml").read_text())
        except FileNotFoundError as err:
            raise Trouble(f"There is no images.toml in {folder}.") from err
        except tomllib.TOMLDecodeError as err:
            raise Trouble(f"{folder / 'images.toml'} is not readable: {err}.") from err
        for name, entry in table.items():
            found[name] = _recipe(name, entry, folder, found.get(name))
    return found


def _recipe(name: str, entry: Mapping[str, object], folder: Path, known: Recipe | None) -> Recipe:
    unknown = entry.keys() - {"tags", "on", "folder", "packages", "optional", "npm"}
    if unknown:
        raise Trouble(f"The recipe {name} in {folder} has unknown keys: {', '.join(sorted(unknown))}.")
    tags = tuple(map(str, _list(entry.get("tags"))))
    if known is not None:
        return Recipe(name, known.tags + tags, known.folder, known.on, known.packages, known.optional, known.npm)
    place = folder / str(entry["folder"]) if "folder" in entry else BUNDLED / "packages"
    packages = tuple(map(str, _list(entry.get("packages"))))
    on = str(entry.get("on", ""))
    return Recipe(name, tags, place, on, packages, bool(entry.get("optional")), bool(entry.get("npm")))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def in_order(recipes: Mapping[str, Recipe], wanted: Iterable[str]) -> list[Recipe]:
    """The wanted recipes and all they stand on, each once, after what it stands on.

    Raises:
        Trouble: a name is not among the recipes.
    """
    ordered: dict[str, Recipe] = {}

    def add(name: str) -> None:
        if name in ordered:
            return
        if name not in recipes:
            raise Trouble(f"There is no image {name!r}; there are: {', '.join(recipes)}.")
        if recipes[name].on:
            add(recipes[name].on)
        ordered[name] = recipes[name]

    for name in wanted:
        add(name)
    return list(ordered.values())


def fingerprint(recipe: Recipe, below: str) -> str:
    """A short text that changes with anything that goes into the image; `below` is that of what it stands on."""
    digest = hashlib.sha256(f"{recipe.packages}{recipe.npm}{below}".encode())
    for path in files(recipe.folder):
        digest.update(str(path.relative_to(recipe.folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]


def files(folder: Path) -> list[Path]:
    """Every file of a recipe's folder, without installed npm packages."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and "node_modules" not in path.parts)
