"""`GET /api/client` with 50 servers, against a bare Starlette handler that runs the same SQL and returns the same bytes.

Both run as processes of their own, in short turns; what counts is processor time per answer, at the lower quartile of
the turns, as neighbours on the machine only ever add to it. The bare handler uses SQLAlchemy's engine as it comes.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.loopback import child, cpu_seconds, free_port, get_for, report

SERVERS, ROUNDS, SECONDS = 50, 30, 0.4
PATH = "/api/client?per_page=50"


async def furnish(home: Path) -> tuple[str, list[tuple[str, Any]], bytes]:
    """A database with an owner of 50 servers; their key, the statements one request runs, and its answer."""
    from sqlalchemy import event

    from rookery.panel.accounts import service as accounts
    from rookery.panel.app import make_panel
    from rookery.panel.db.migrate import migrate
    from rookery.panel.eggs.service import import_egg, make_nest, parse_document, variables_of
    from rookery.panel.nodes.models import Allocation, Location
    from rookery.panel.nodes.service import new_node
    from rookery.panel.servers.models import Server, ServerVariable
    from rookery.panel.settings import PanelSettings
    from rookery.panel.work import Work

    panel = make_panel(PanelSettings(home=home))
    await migrate(panel.engine)
    egg_file = Path(__file__).parents[1] / "src/rookery/panel/eggs/bundled/minecraft/paper.json"
    async with panel.sessions() as session:
        work = Work(session, panel.sessions)
        user = await accounts.create_user(work, panel.settings, username="owner", email="o@example.com", password="x")
        location = Location(short="x")
        work.add(location)
        await work.db.flush()
        node = new_node(name="n", location_id=location.id, fqdn="n", scheme="http", memory=1, disk=1)
        work.add(node)
        egg = await import_egg(work, parse_document(egg_file.read_bytes()), await make_nest(work, "n", None, "a@b.c"))
        await work.db.flush()
        variables = await variables_of(work, egg.id)
        for at in range(SERVERS):
            addresses = [Allocation(node_id=node.id, ip="10.0.0.1", port=30000 + 3 * at + more) for more in range(3)]
            work.db.add_all(addresses)
            await work.db.flush()
            server = Server(
                uuid=f"{at:08d}-0000-4000-8000-000000000000",
                uuid_short=f"{at:08d}",
                node_id=node.id,
                name=f"Server {at}",
                owner_id=user.id,
                memory=1024,
                swap=0,
                disk=5000,
                io=500,
                cpu=100,
                allocation_id=addresses[0].id,
                nest_id=egg.nest_id,
                egg_id=egg.id,
                startup=egg.startup,
                image="i",
            )
            work.add(server)
            await work.db.flush()
            for address in addresses:
                address.server_id = server.id
            for variable in variables:
                work.add(ServerVariable(server_id=server.id, variable_id=variable.id, variable_value="value"))
        key, secret = await accounts.create_key(work, user, kind=accounts.CLIENT_KEY, memo="x")
        await work.commit()
    token = f"{key.identifier}{secret}"
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append((statement, [str(p) if not isinstance(p, int) else p for p in parameters]))

    event.listen(panel.engine.sync_engine, "before_cursor_execute", note)
    body = await answer_of(panel, token)
    await panel.engine.dispose()
    return token, statements, body


async def answer_of(panel: Any, token: str) -> bytes:
    """The answer of the real application, asked in this process."""
    from rookery.panel import app as panel_app

    original = panel_app.make_panel
    panel_app.make_panel = lambda _settings: panel  # type: ignore[assignment]  # the one whose statements are noted
    application = panel_app.create_app(panel.settings)
    panel_app.make_panel = original
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/client",
        "raw_path": b"/api/client",
        "query_string": b"per_page=50",
        "headers": [(b"authorization", f"Bearer {token}".encode()), (b"host", b"x")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def reference(port: int) -> None:
    """The bare handler, as a process of its own."""
    import uvicorn
    from sqlalchemy.ext.asyncio import create_async_engine
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    told = json.loads(Path(os.environ["BENCH_TOLD"]).read_text())
    engine = create_async_engine(told["url"])
    body = told["body"].encode()

    async def handle(_request: Request) -> Response:
        async with engine.connect() as connection:
            for statement, parameters in told["statements"]:
                (await connection.exec_driver_sql(statement, tuple(parameters))).fetchall()
        return Response(body, media_type="application/json")

    uvicorn.run(
        Starlette(routes=[Route("/api/client", handle)]),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        token, statements, body = asyncio.run(furnish(home))
        told = home / "told.json"
        url = f"sqlite+aiosqlite:///{home / 'panel.sqlite'}"
        told.write_text(json.dumps({"url": url, "statements": statements, "body": body.decode()}))
        ours, bare = free_port(), free_port()
        environment = {"ROOKERY_HOME": folder, "ROOKERY_LIMITS": "false", "ROOKERY_PANEL_LISTEN": f"127.0.0.1:{ours}"}
        headers = {"Authorization": f"Bearer {token}"}
        with (
            child("-m", "rookery.panel", "serve", port=ours, environment=environment) as our_pid,
            child(__file__, "reference", str(bare), port=bare, environment={"BENCH_TOLD": str(told)}) as bare_pid,
        ):
            cost: dict[int, list[float]] = {our_pid: [], bare_pid: []}
            for port in (ours, bare):
                get_for(port, PATH, headers, 0.5)
            for _ in range(ROUNDS):
                for port, pid in ((ours, our_pid), (bare, bare_pid)):
                    before = cpu_seconds(pid)
                    answers, _ = get_for(port, PATH, headers, SECONDS)
                    cost[pid].append((cpu_seconds(pid) - before) / answers * 1000)
        print(f"{SERVERS} servers, {len(body)} bytes, {len(statements)} statements")
        ours_ms, bare_ms = (statistics.quantiles(found, n=4)[0] for found in cost.values())
        report("GET /api/client, rate", 1 / ours_ms, 1 / bare_ms, unit="answers per CPU-ms", bar=">= 0.5")


if __name__ == "__main__":
    if sys.argv[1:2] == ["reference"]:
        reference(int(sys.argv[2]))
    else:
        main()
