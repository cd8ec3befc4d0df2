"""The page shell: our interface's built files, with the paths it routes itself."""

import re
from html import escape
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse, HTMLResponse

from rookery.panel.api.problems import not_found, response_for

STATIC = Path(__file__).parents[2] / "static"
_FOREVER = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Rookery</title>
<body style="font:16px/1.5 system-ui;max-width:40rem;margin:15vh auto;padding:0 1rem">
<h1>The interface is not built yet</h1>
<p>The Panel runs, and its APIs answer. Run <code>make setup</code> in the source folder to build the pages.</p>"""

PAGE_HEADERS = {
    "Cache-Control": "no-cache, private",
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss: http: https:; "
    "img-src 'self' data: https:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

router = APIRouter(include_in_schema=False)


@router.get("/locales/locale.json")
async def locale() -> Response:
    """Texts for the original interface; ours brings its own."""
    headers = {"Cache-Control": "max-age=3600, public, stale-while-revalidate=86400"}
    return Response('{"en":{"translation":[]}}', media_type="application/json", headers=headers)


@router.get("/{path:path}")
async def page(request: Request, path: str) -> Response:
    """A built file, or the page that finds its own way."""
    if path.startswith(("api/", "daemon/")) or path in ("api", "daemon"):
        return response_for(not_found())
    if path.startswith("assets/") or (path and "/" not in path and "." in path):
        file = (STATIC / path).resolve()
        if not file.is_relative_to(STATIC) or not file.is_file():
            return response_for(not_found())
        return FileResponse(file, headers={"Cache-Control": _FOREVER if path.startswith("assets/") else "max-age=3600"})
    index = STATIC / "index.html"
    if not index.is_file():
        return HTMLResponse(_NOT_BUILT, 503)
    del request
    return HTMLResponse(index.read_text(), headers=PAGE_HEADERS)


def index_page(title: str, blocks: str) -> str:
    """The interface's page under another title, with more in its body."""
    index = STATIC / "index.html"
    text = index.read_text() if index.is_file() else _NOT_BUILT
    text = re.sub(r"<title>.*?</title>", lambda _: f"<title>{escape(title)}</title>", text, count=1)
    return text.replace("</body>", f"{blocks}</body>") if "</body>" in text else text + blocks
