"""The key by which SFTP clients know this node; made once and kept."""

import os
from pathlib import Path


def ensure_host_key(data: str) -> Path:
    """The path of the node's host key below the data directory; made on first use, readable by its owner only."""
    path = Path(data, ".sftp", "id_ed25519")
    if not path.exists():
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(key)
    return path
