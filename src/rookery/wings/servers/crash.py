"""What follows when a process ends that nobody stopped."""

import time
from typing import TYPE_CHECKING

from rookery.protocol.problems import Problem
from rookery.protocol.states import PowerAction, ProcessState
from rookery.wings.runtime.base import Exit

if TYPE_CHECKING:
    from rookery.wings.servers.server import Server


class Crashes:
    """Remembers the last crash of a server. Source: Wings 1.11 crash detection."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._last: float | None = None

    async def handle(self, exit_: Exit) -> None:
        """Show the crash and start the server again, unless it crashed just before or the node forbids it."""
        server, rules = self._server, self._server.node.config.system.crash_detection
        if server.state is not ProcessState.OFFLINE:
            return
        if not server.configuration.crash_detection_enabled:
            server.say("Aborting automatic restart, crash detection is disabled for this instance.")
            return
        if exit_.code == 0 and not exit_.out_of_memory and not rules.detect_clean_exit_as_crash:
            return
        server.say("---------- Detected server process in a crashed state! ----------")
        server.say(f"Exit code: {exit_.code}")
        server.say(f"Out of memory: {'true' if exit_.out_of_memory else 'false'}")
        now, last = time.monotonic(), self._last
        if rules.timeout and last is not None and now - last < rules.timeout:
            server.say(f"Aborting automatic restart, last crash occurred less than {rules.timeout} seconds ago.")
            return
        self._last = now
        try:
            await server.power.act(PowerAction.START)
        except Problem:
            server.say("Server crash was detected but an error occurred while handling it.")
