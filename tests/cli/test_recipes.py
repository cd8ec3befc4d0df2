"""Recipes of images: order, names, and when an image is built again."""

from pathlib import Path

import pytest

from rookery.cli import recipes
from rookery.cli.trouble import Trouble

GAMES = Path(__file__).parents[1] / "compat" / "games" / "images"


def test_an_image_comes_after_what_it_stands_on() -> None:
    known = recipes.load(recipes.BUNDLED, GAMES)
    assert [recipe.name for recipe in recipes.in_order(known, ["clients", "minecraft"])] == [
        "base",
        "games",
        "clients",
        "minecraft",
    ]


def test_a_further_folder_adds_names_to_an_image_that_is_known() -> None:
    known = recipes.load(recipes.BUNDLED, GAMES)
    assert known["base"].tags == ("ghcr.io/pterodactyl/yolks:debian", "rookery/base:latest")


def test_an_unknown_image_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Trouble, match="there are: base"):
        recipes.in_order(recipes.load(recipes.BUNDLED), ["bass"])


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images.toml").write_text('[one]\ntags = ["one:latest"]\npakages = []\n')
    with pytest.raises(Trouble, match="pakages"):
        recipes.load(tmp_path)


def test_the_fingerprint_changes_with_every_part_that_goes_in(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    recipe = recipes.Recipe("one", ("one:latest",), folder)
    first = recipes.fingerprint(recipe, "")
    assert recipes.fingerprint(recipe, "") == first
    assert recipes.fingerprint(recipe, "another base") != first
    assert recipes.fingerprint(recipes.Recipe("one", ("one:latest",), folder, packages=("a",)), "") != first
    (folder / "Dockerfile").write_text("FROM scratch\nENV A=1\n")
    assert recipes.fingerprint(recipe, "") != first


def test_every_bundled_recipe_has_its_dockerfile() -> None:
    for recipe in recipes.load(recipes.BUNDLED, GAMES).values():
        assert (recipe.folder / "Dockerfile").is_file(), recipe.name
