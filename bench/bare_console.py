"""The yardstick of the console: a bare aiohttp server that sends ready frames to everybody, 2,000 lines a second.

`bare_console.py PORT LINES_PER_SECOND`; starts to print when a first line comes on standard input.
"""

import asyncio
import contextlib
import json
import sys
import time

import uvloop
from aiohttp import web

TICK = 0.005
TEXT = "[12:00:00] [Server thread/INFO]: a line of a game server as long as such lines usually are, number "


async def main(port: int, rate: int) -> None:
    sockets: set[web.WebSocketResponse] = set()

    async def join(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        sockets.add(socket)
        async for _ in socket:
            pass
        sockets.discard(socket)
        return socket

    app = web.Application()
    app.router.add_get("/ws", join)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    number, began = 0, time.monotonic()
    while True:
        due = int((time.monotonic() - began) * rate)
        while number < due:
            number += 1
            text = json.dumps({"event": "console output", "args": [f"{TEXT}{number}"]})
            for socket in list(sockets):
                with contextlib.suppress(ConnectionResetError):
                    await socket.send_str(text)
        await asyncio.sleep(TICK)


uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
