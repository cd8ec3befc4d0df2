"""Encryption at rest, password hashes and random words.

Encrypted columns have the form the original Panel writes, so that its databases can be read with its `APP_KEY`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import string
from functools import lru_cache

import bcrypt
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_ALPHANUMERIC = string.ascii_letters + string.digits
_SERIALISED = re.compile(rb's:(\d+):"(.*)";', re.DOTALL)


class Unreadable(ValueError):
    """A stored secret was made with another key, or damaged."""


class Encrypter:
    """AES-256-CBC with HMAC-SHA256 in the envelope of Laravel; values are PHP-serialised texts."""

    def __init__(self, app_key: str) -> None:
        self._key = base64.b64decode(app_key[7:]) if app_key.startswith("base64:") else app_key.encode()
        if len(self._key) != 32:
            raise Unreadable("The application key must have 32 bytes.")
        # A key's secret is read at each of its requests; the same stored form always means the same text.
        self.decrypt = lru_cache(maxsize=1024)(self._decrypt)

    def encrypt(self, text: str) -> str:
        """The stored form of `text`; different each time."""
        raw = text.encode()
        padder = padding.PKCS7(128).padder()
        iv = os.urandom(16)
        body = b's:%d:"%b";' % (len(raw), raw)
        encryptor = Cipher(algorithms.AES(self._key), modes.CBC(iv)).encryptor()
        value = base64.b64encode(encryptor.update(padder.update(body) + padder.finalize()) + encryptor.finalize())
        iv_text = base64.b64encode(iv)
        envelope = {"iv": iv_text.decode(), "value": value.decode(), "mac": self._mac(iv_text + value), "tag": ""}
        return base64.b64encode(json.dumps(envelope, separators=(",", ":")).encode()).decode()

    def _decrypt(self, stored: str) -> str:
        """The text behind a stored form.

        Raises:
            Unreadable: it was made with another key, or damaged.
        """
        try:
            envelope = json.loads(base64.b64decode(stored))
            iv_text, value = envelope["iv"].encode(), envelope["value"].encode()
            mac = envelope["mac"]
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise Unreadable("The value is not in the stored form.") from err
        if not hmac.compare_digest(mac, self._mac(iv_text + value)):
            raise Unreadable("The value was made with another application key.")
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(base64.b64decode(iv_text))).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        padded = decryptor.update(base64.b64decode(value)) + decryptor.finalize()
        plain = unpadder.update(padded) + unpadder.finalize()
        found = _SERIALISED.fullmatch(plain)
        return (found[2] if found else plain).decode()

    def _mac(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def random_text(length: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


async def hash_password(password: str, rounds: int) -> str:
    """A bcrypt hash in PHP's spelling; what is beyond 72 bytes does not count, as there. Made off the event loop."""
    raw = await asyncio.to_thread(bcrypt.hashpw, password.encode()[:72], bcrypt.gensalt(rounds))
    return "$2y$" + raw.decode().removeprefix("$2b$")


async def password_fits(password: str, stored: str) -> bool:
    """Whether the password is the stored one; understands bcrypt and argon2. Checked off the event loop."""
    return await asyncio.to_thread(_fits_blocking, password, stored)


def _fits_blocking(password: str, stored: str) -> bool:
    if stored.startswith("$argon2"):
        import argon2

        try:
            return argon2.PasswordHasher().verify(stored, password)
        except argon2.exceptions.Argon2Error:
            return False
    try:
        return bcrypt.checkpw(password.encode()[:72], stored.replace("$2y$", "$2b$", 1).encode())
    except ValueError:
        return False
