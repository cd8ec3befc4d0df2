"""The API listener's certificate, taken anew when its files change."""

import asyncio
import ssl
from pathlib import Path

import structlog

from rookery.protocol.problems import Invalid
from rookery.wings.config import Tls
from rookery.wings.threads import in_thread

log = structlog.get_logger()
_LOOK_SECONDS = 30.0


class Certificates:
    """A TLS context whose certificate follows its files; new connections get the new one, open ones stay."""

    def __init__(self, settings: Tls) -> None:
        """Read certificate and key.

        Raises:
            Invalid: they cannot be read.
        """
        self._files = settings.cert, settings.key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seen = self._state()
        try:
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as err:
            raise Invalid(
                f"The certificate {settings.cert} or its key cannot be read: {err}.", field="api.ssl"
            ) from err

    def _state(self) -> tuple[tuple[int, int, int], ...] | None:
        """What tells one version of the files from another; None while one of them is missing."""
        try:
            found = [Path(name).stat() for name in self._files]
        except OSError:
            return None
        return tuple((each.st_ino, each.st_size, each.st_mtime_ns) for each in found)

    def renew(self) -> None:
        """Take changed files; a pair that does not fit together, or is half written, is left for the next look."""
        state = self._state()
        if state is None or state == self._seen:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)  # the context must not lose its pair
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as err:
            log.warning("a new certificate cannot be used yet", file=self._files[0], reason=str(err))
            return
        self._seen = state
        log.info("the certificate was renewed", file=self._files[0])

    async def follow(self) -> None:
        """Look every half minute, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await in_thread(self.renew)
