"""The library's ChaCha20-Poly1305 with its contexts kept: OpenSSH clients choose it first, and it made four per packet.

Source: OpenSSH, `PROTOCOL.chacha20poly1305`: one key for the length, one for the rest; the key of the tag is the first
block of the second, so one run over its stream gives the tag's key and the content.
"""

from typing import Any

import asyncssh.encryption as library
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305

_START = bytes(8)
_BLOCK = bytes(64)
_TAG_KEY_BYTES = 32


class ChachaCipher:
    """See `asyncssh.crypto.ChachaCipher`."""

    def __init__(self, key: bytes) -> None:
        half = len(key) // 2
        self._content = _context(key[:half])
        self._length = _context(key[half:])

    def encrypt_and_sign(self, header: bytes, data: bytes, nonce: bytes) -> tuple[bytes, bytes]:
        """Encrypt a packet and its length; both, and the tag over them."""
        key = self._begin(nonce)
        sealed = self.decrypt_header(header, nonce) + self._content.update(data)
        return sealed, Poly1305.generate_tag(key, sealed)

    def decrypt_header(self, header: bytes, nonce: bytes) -> bytes:
        """The length; the same work both ways."""
        self._length.reset_nonce(_START + nonce)
        clear: bytes = self._length.update(header)
        return clear

    def verify_and_decrypt(self, header: bytes, data: bytes, nonce: bytes, tag: bytes) -> bytes | None:
        """What was encrypted; None when the tag is not of it."""
        try:
            Poly1305.verify_tag(self._begin(nonce), header + data, tag)
        except InvalidSignature:
            return None
        clear: bytes = self._content.update(data)
        return clear

    def _begin(self, nonce: bytes) -> bytes:
        """Go to the packet's stream; the key of its tag."""
        self._content.reset_nonce(_START + nonce)
        first: bytes = self._content.update(_BLOCK)
        return first[:_TAG_KEY_BYTES]


def _context(key: bytes) -> Any:
    return Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()


def install() -> None:
    """Have the library use it; it offers no other way to choose."""
    library.ChachaCipher = ChachaCipher  # type: ignore[attr-defined,assignment]  # the one place it is looked up
