"""Our ChaCha20-Poly1305 against the library's, both ways."""

import os

import pytest
from asyncssh.crypto.chacha import ChachaCipher as Library

from rookery.wings.sftp.ciphers import ChachaCipher


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 32_768])
def test_packets_are_the_librarys(size: int) -> None:
    key = os.urandom(64)
    ours, theirs = ChachaCipher(key), Library(key)
    for number in (0, 1, 7, 2**32 - 1):
        nonce, header, data = number.to_bytes(8, "big"), os.urandom(4), os.urandom(size)
        sealed, tag = theirs.encrypt_and_sign(header, data, nonce)
        assert ours.encrypt_and_sign(header, data, nonce) == (sealed, tag)
        assert ours.decrypt_header(sealed[:4], nonce) == header
        assert ours.verify_and_decrypt(sealed[:4], sealed[4:], nonce, tag) == data


def test_a_changed_packet_is_refused() -> None:
    cipher = ChachaCipher(os.urandom(64))
    sealed, tag = cipher.encrypt_and_sign(b"head", b"content", bytes(8))
    assert cipher.verify_and_decrypt(sealed[:4], sealed[4:-1] + b"x", bytes(8), tag) is None
    assert cipher.verify_and_decrypt(sealed[:4], sealed[4:], bytes(8), tag) == b"content"
