"""Many websocket viewers in one cheap process: `viewers.py` reads `{url, origin, token, viewers, seconds}` as JSON.

Plain sockets that count frames by a mark in their bytes, so that the client costs little beside the server. Prints
`ready` when all are in, then one JSON object at the end: `{"messages": N}`.
"""

import asyncio
import base64
import json
import os
import sys
from urllib.parse import urlsplit

MARK = b"console output"


class Viewer(asyncio.Protocol):
    def __init__(self, first: list[bytes]) -> None:
        self.first, self.messages, self.tail, self.open = first, 0, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        for part in self.first[:1]:
            transport.write(part)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if not self.open:
            if b"\r\n\r\n" not in data:
                return
            self.open = True
            for part in self.first[1:]:
                self.transport.write(part)  # type: ignore[attr-defined]
        whole = self.tail + data
        self.messages += whole.count(MARK)
        cut = whole.rfind(MARK)
        rest = whole[cut + len(MARK) :] if cut >= 0 else whole
        self.tail = rest[-len(MARK) + 1 :]


def frame(text: str) -> bytes:
    body = text.encode()
    head = bytes([0x81, 0x80 | len(body)]) if len(body) < 126 else bytes([0x81, 0xFE]) + len(body).to_bytes(2)
    return head + b"\0\0\0\0" + body


async def main() -> None:
    job = json.loads(sys.stdin.readline())
    url = urlsplit(job["url"])
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nOrigin: {job['origin']}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    first = [request]
    if job.get("token"):
        first.append(frame(json.dumps({"event": "auth", "args": [job["token"]]})))
    loop = asyncio.get_running_loop()
    viewers = []
    for _ in range(job["viewers"]):
        _, viewer = await loop.create_connection(lambda: Viewer(first), url.hostname, url.port)
        viewers.append(viewer)
    await asyncio.sleep(1)
    for viewer in viewers:
        viewer.messages = 0
    print("ready", flush=True)
    await asyncio.sleep(job["seconds"])
    print(json.dumps({"messages": sum(viewer.messages for viewer in viewers)}), flush=True)


asyncio.run(main())
