"""The few places where the library's protocol differs from what clients of nodes have always seen.

Texts of good answers and of the end, the long name of a resolved path, and that a directory that cannot be listed is
refused when it is opened. Source: Wings 1.11 SFTP, protocol behaviour.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncssh.sftp as library
from asyncssh.constants import (
    FX_EOF,
    FX_FAILURE,
    FX_OK,
    FXP_CLOSE,
    FXP_OPENDIR,
    FXP_REALPATH,
    FXP_STATUS,
    FXP_WRITE,
)
from asyncssh.packet import SSHPacket, String, UInt32
from asyncssh.sftp import SFTPName

_OK = UInt32(FX_OK) + String("") + String("")
_TEXTS = {
    _OK: UInt32(FX_OK) + String("OK") + String(""),
    UInt32(FX_EOF): UInt32(FX_EOF) + String("EOF") + String(""),
    UInt32(FX_FAILURE) + String("Invalid file handle"): UInt32(FX_FAILURE) + String("bad file descriptor") + String(""),
}
"""What an answer begins with, to the whole of what is sent for it."""


class WireHandler(library.SFTPServerHandler):
    """The library's handler with those differences."""

    _server: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kinds: dict[int, int] = {}
        self._nonstandard_symlink = True  # every client sends a link's target first, as OpenSSH does

    async def _process_packet(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        self._kinds[pktid] = pkttype
        try:
            await super()._process_packet(pkttype, pktid, packet)
        finally:
            self._kinds.pop(pktid, None)

    def send_packet(self, pkttype: int, pktid: int | None, *args: bytes) -> None:
        """Send an answer with the text clients know."""
        if pkttype == FXP_STATUS and len(args) == 2 and not (args[1] == _OK and self._is_silent(pktid)):
            for beginning, whole in _TEXTS.items():
                if args[1].startswith(beginning):
                    args = (args[0], whole)
                    break
        super().send_packet(pkttype, pktid, *args)

    def _is_silent(self, pktid: int | None) -> bool:
        """Whether a good answer has no text."""
        return pktid is not None and self._kinds.get(pktid) in (FXP_CLOSE, FXP_WRITE)

    async def _open_directory(self, packet: SSHPacket) -> bytes:
        path = packet.get_string()
        packet.check_end()
        entries = await self._server.entries(path)
        handle: bytes = self._get_next_handle()
        self._dir_handles[handle] = _each(entries)
        return handle

    async def _resolve(self, packet: SSHPacket) -> tuple[list[SFTPName], bool]:
        path = self._server.realpath(packet.get_string())
        return [SFTPName(path, path)], False

    _packet_handlers: dict[int | bytes, Any] = {  # noqa: RUF012 - the library's own table
        **library.SFTPServerHandler._packet_handlers,  # noqa: SLF001 - it has no other door
        FXP_OPENDIR: _open_directory,
        FXP_REALPATH: _resolve,
    }


async def _each(entries: Iterable[SFTPName]) -> AsyncIterator[SFTPName]:
    for entry in entries:
        yield entry


def install() -> None:
    """Have the library use this handler; it offers no other way to choose one."""
    library.SFTPServerHandler = WireHandler  # type: ignore[misc]  # the one place it is looked up
