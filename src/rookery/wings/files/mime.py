"""What a file is by its first bytes, never by its name."""

import json
import re

SNIFFED = 3072
"""Bytes that are looked at."""
EMPTY = "text/plain"
UNKNOWN = "application/octet-stream"
FOLDER = "inode/directory"
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/x-rar-compressed"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (257, b"ustar", "application/x-tar"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"\xca\xfe\xba\xbe", "application/x-java-applet"),
    (0, b"OggS", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
)
_ELF_KINDS = {
    1: "application/x-object",
    2: "application/x-executable",
    3: "application/x-sharedlib",
    4: "application/x-coredump",
}
_NO_TEXT = re.compile(rb"[\x00-\x06\x0b\x0e-\x1a\x1c-\x1f]")
_HTML = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)"
    rb"(?=[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_JAR_FIRST = (b"META-INF/MANIFEST.MF", b"META-INF/")


def sniff(head: bytes) -> str:
    """The type of content that begins with `head`."""
    if not head:
        return EMPTY
    if head.startswith(b"\x7fELF") and len(head) > 17:
        return _ELF_KINDS.get(head[16] if head[5] == 1 else head[17], "application/x-elf")
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset):
            if kind == "application/zip" and any(head.startswith(name, 30) for name in _JAR_FIRST):
                return "application/jar"
            return kind
    return _text(head)


def _text(head: bytes) -> str:
    for mark, charset in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16le"), (b"\xfe\xff", "utf-16be")):
        if head.startswith(mark):
            return f"text/plain; charset={charset}"
    if _NO_TEXT.search(head):
        return UNKNOWN
    charset = "utf-8" if _is_utf8(head) else "iso-8859-1"
    stripped = head.lstrip()
    if _HTML.match(head):
        return f"text/html; charset={charset}"
    if stripped.startswith(b"<?xml"):
        return "image/svg+xml" if b"<svg" in head else f"text/xml; charset={charset}"
    if stripped.startswith(b"<svg"):
        return "image/svg+xml"
    if stripped[:1] in (b"{", b"[") and (kind := _json(stripped, whole=len(head) < SNIFFED)):
        return kind
    if stripped.startswith(b"{\\rtf"):
        return "text/rtf"
    return _table(head) or f"text/plain; charset={charset}"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as err:
        return err.end >= len(head) - 3 and len(head) >= SNIFFED - 3 and err.reason == "unexpected end of data"
    return True


def _json(text: bytes, *, whole: bool) -> str | None:
    """JSON, also when cut off, and lines of JSON."""
    shown = text.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    try:
        _, end = decoder.raw_decode(shown)
    except ValueError as err:
        cut = not whole and isinstance(err, json.JSONDecodeError) and err.pos >= len(shown) - 8
        return "application/json" if cut else None
    rest = shown[end:].strip()
    if not rest:
        return "application/json"
    lines = [line for line in shown.splitlines() if line.strip()]
    for line in lines[: None if whole else -1]:
        try:
            json.loads(line)
        except ValueError:
            return None
    return "application/x-ndjson" if len(lines) > 1 else None


def _table(head: bytes) -> str | None:
    """Values with commas or tabs, at least two rows of the same width."""
    if b"," not in head and b"\t" not in head:
        return None
    lines = head.decode("utf-8", "replace").splitlines()
    if len(head) >= SNIFFED:
        lines = lines[:-1]
    rows = [line for line in lines if line and not line.startswith("#")]
    for sign, kind in ((",", "text/csv"), ("\t", "text/tab-separated-values")):
        widths = {line.count(sign) for line in rows}
        if len(rows) >= 2 and len(widths) == 1 and widths.pop() > 0:
            return kind
    return None


def sniff_short(head: bytes) -> str:
    """The type as web servers guess it from 512 bytes: a short list, everything readable is text."""
    head = head[:512]
    if not head:
        return "text/plain; charset=utf-8"
    kind = sniff(head)
    if kind.startswith(("text/html", "text/xml")):
        return f"{kind.partition(';')[0]}; charset=utf-8"
    short = {
        "application/gzip": "application/x-gzip",
        "application/jar": "application/zip",
        "application/x-rar-compressed": "application/x-rar-compressed",
        "audio/wav": "audio/wave",
    }
    if kind in short:
        return short[kind]
    if kind.startswith(("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-icon")):
        return kind
    if kind in (
        "application/zip",
        "application/pdf",
        "application/ogg",
        "video/mp4",
        "video/webm",
        "font/woff",
        "font/woff2",
        "application/wasm",
    ):
        return kind
    if _NO_TEXT.search(head):
        return UNKNOWN
    return "text/plain; charset=utf-8"
