"""Pictures of every page for looking at: `python -m tests.e2e.screens FOLDER`, dark and light, desktop and phone."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from tests.e2e.machine import GAMES, PASSWORD, GameServer, Machine, running

DEVICES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
THEMES = ("dark", "light")
OUTSIDE = {"sign-in": "/auth/login"}
INSIDE = {
    "dashboard": "/",
    "console": "/server/{id}",
    "startup": "/server/{id}/startup",
    "server-activity": "/server/{id}/activity",
    "server-settings": "/server/{id}/settings",
    "account": "/account",
    "admin-servers": "/admin/servers",
    "admin-new-server": "/admin/servers/new",
    "admin-nodes": "/admin/nodes",
    "admin-node": "/admin/nodes/1",
    "admin-eggs": "/admin/eggs",
    "admin-users": "/admin/users",
    "no-such-page": "/no-such-page",
}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screens")
    folder.mkdir(parents=True, exist_ok=True)
    with running() as machine, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = furnish(machine)
        try:
            for theme in THEMES:
                for device, size in DEVICES.items():
                    picture_all(browser, machine, shown, folder, f"{theme}-{device}", theme, size)
        finally:
            for server in machine_servers(machine):
                server.power("kill")
                server.delete()
            browser.close()


def furnish(machine: Machine) -> GameServer:
    """Two servers, one of them running with something on its console."""
    shown = machine.create(machine.import_egg(GAMES / "egg-minecraft-flying-squid.json"))
    machine.create("Program of your own", memory=256)
    shown.start()
    with shown.console() as console:
        for line in ("help", "list", "say Welcome to the server"):
            console.command(line)
        console.wait_for("Welcome to the server")
    return shown


def machine_servers(machine: Machine) -> list[GameServer]:
    found = [entry["attributes"] for entry in machine.api("GET", "/api/application/servers")["data"]]
    return [GameServer(machine, each["id"], each["uuid"], each["identifier"], 0, {}) for each in found]


def picture_all(
    browser: Browser, machine: Machine, server: GameServer, folder: Path, suffix: str, theme: str, size: dict[str, int]
) -> None:
    context = browser.new_context(viewport=size, color_scheme=theme, device_scale_factor=1)  # type: ignore[arg-type]
    page = context.new_page()
    for name, path in OUTSIDE.items():
        picture(page, machine.url + path, folder / f"{name}-{suffix}.png")
    page.get_by_label("Username or e-mail").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Password").wait_for(state="detached")
    for name, path in INSIDE.items():
        picture(page, machine.url + path.format(id=server.identifier), folder / f"{name}-{suffix}.png")
    context.close()


def picture(page: Page, address: str, target: Path) -> None:
    page.goto(address)
    page.wait_for_load_state("load")
    page.wait_for_timeout(1800)
    page.screenshot(path=target, full_page=True)
    print(target)


if __name__ == "__main__":
    main()
