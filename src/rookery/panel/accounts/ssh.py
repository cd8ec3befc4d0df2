"""Public keys for SFTP: read in any usual form, told apart by fingerprint."""

import base64
import hashlib
import textwrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
    load_ssh_public_key,
)

PublicKey = ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey
_LEAST_RSA_BITS = 2048


class BadKey(ValueError):
    """The text is no public key we take; the sentence says why."""


def read_key(text: str) -> PublicKey:
    """The public key in an OpenSSH line, PEM or base64 DER text.

    Raises:
        BadKey: it is none, a private one, or of a kind too weak.
    """
    raw = text.strip().encode()
    try:
        if raw.startswith(b"-----"):
            key = load_pem_public_key(raw)
        elif b" " in raw:
            key = load_ssh_public_key(b" ".join(raw.split()[:2]))
        else:
            key = load_der_public_key(base64.b64decode(raw, validate=True))
    except (ValueError, UnsupportedAlgorithm, TypeError) as err:
        raise BadKey("The public key is not valid.") from err
    if isinstance(key, dsa.DSAPublicKey):
        raise BadKey("DSA keys are not accepted.")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        raise BadKey("RSA keys must have at least 2048 bits.")
    if not isinstance(key, ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise BadKey("Keys of this kind are not accepted.")
    return key


def fingerprint(key: PublicKey) -> str:
    """The SHA-256 fingerprint as OpenSSH shows it, without prefix and padding."""
    blob = base64.b64decode(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
    return base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def fingerprint_of(text: str) -> str:
    """The fingerprint of a key in text.

    Raises:
        BadKey: see `read_key`.
    """
    return fingerprint(read_key(text))


def stored_form(key: PublicKey) -> str:
    """PEM in lines of 64 characters with CRLF, as rows have always kept it."""
    der = base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    return "\r\n".join(["-----BEGIN PUBLIC KEY-----", *textwrap.wrap(der, 64), "-----END PUBLIC KEY-----"])
