"""The main path in a real browser against a real engine: from signing in to a player's words on the console, and back."""

import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests.e2e.machine import CHECKS, GAMES, PASSWORD, Machine, until

pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.timeout(300)]

NAME = "World of a test"
BOT = ["docker", "run", "--rm", "--network", "host", "-v", f"{CHECKS}:/checks:ro", "rookery/minecraft:latest"]


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1440, "height": 900})
        opened.set_default_timeout(30_000)
        yield opened
        browser.close()


def shown(page: Page) -> str:
    """The text on the terminal; lines it wraps are one again."""
    return page.locator(".xterm-rows").inner_text().replace("\n", "")


def test_a_person_makes_a_server_plays_on_it_and_deletes_it(machine: Machine, page: Page) -> None:
    game = machine.import_egg(GAMES / "egg-minecraft-flying-squid.json")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(machine.url)
    page.get_by_label("Username or e-mail").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Password")).to_have_count(0)

    page.goto(f"{machine.url}/admin/servers/new")
    page.get_by_text(game, exact=True).click()
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Memory in MiB").fill("512")
    page.get_by_label("Start when installed").uncheck()
    page.get_by_role("button", name="Create server").click()

    page.wait_for_url(re.compile(r"/server/[0-9a-f]{8}"))
    until(lambda: "flying-squid 1.10.0" in shown(page), "the installation's log, live", 90)
    expect(page.locator("[data-state=offline]").first).to_be_visible(timeout=60_000)

    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("[data-state=running]").first).to_be_visible(timeout=90_000)

    identifier = page.url.rstrip("/").rpartition("/")[2]
    about = machine.api("GET", f"/api/client/servers/{identifier}")["attributes"]
    port = about["relationships"]["allocations"]["data"][0]["attributes"]["port"]
    words = [*BOT, "node", "/checks/minecraft_bot.js", "127.0.0.1", str(port), "--name", "Bot1"]
    words += ["--say", "hello rookery", "--hear", "from the browser", "--wait", "60"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as bot:
        until(lambda: "<Bot1> hello rookery" in shown(page), "the player's words", 60)
        page.get_by_label("Command").fill("list")
        page.get_by_label("Command").press("Enter")
        until(lambda: "There are 1 of a max of 20 players online: Bot1" in shown(page), "the answer to a command", 20)
        page.get_by_label("Command").fill("say from the browser")
        page.get_by_label("Command").press("Enter")
        said, _ = bot.communicate(timeout=90)
    assert json.loads(said.splitlines()[-1])["ok"], said

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("[data-state=offline]").first).to_be_visible(timeout=60_000)

    page.goto(f"{machine.url}/admin/servers")
    page.get_by_role("button", name=f"Actions for {NAME}").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("textbox").fill(NAME)
    page.get_by_role("dialog").get_by_role("button", name="Delete server").click()
    expect(page.get_by_text(f"{NAME} was deleted.")).to_be_visible()

    assert errors == []
    nothing_is_left_of(machine, about["uuid"])


def nothing_is_left_of(machine: Machine, uuid: str) -> None:
    """No container, no volume, no row."""

    def containers() -> str:
        words = ["docker", "ps", "-aq", "--filter", f"name={uuid}"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    until(lambda: not containers(), "the end of the container", 30)
    until(lambda: not (machine.home / "wings" / "volumes" / uuid).exists(), "the end of the volume", 30)
    with sqlite3.connect(machine.home / "panel.sqlite") as database:
        (servers,) = database.execute("SELECT COUNT(*) FROM servers WHERE uuid = ?", (uuid,)).fetchone()
        (values,) = database.execute(
            "SELECT COUNT(*) FROM server_variables WHERE server_id NOT IN (SELECT id FROM servers)"
        ).fetchone()
        (addresses,) = database.execute(
            "SELECT COUNT(*) FROM allocations WHERE server_id IS NOT NULL AND server_id NOT IN (SELECT id FROM servers)"
        ).fetchone()
    assert (servers, values, addresses) == (0, 0, 0)
