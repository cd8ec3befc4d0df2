"""The signed tokens browsers carry from the Panel to a node: HS256 JWTs under the node's own secret.

`mint` is the Panel's half, `verify` the node's. Which claims a token must have for which door is the verifier's
business (`rookery.wings.tokens`); this module only knows signatures, times and the shape all tokens share.
"""

import functools
import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Mapping
from typing import Any

from rookery.protocol.problems import Denied

Claims = dict[str, Any]
_ALPHABET = string.ascii_letters + string.digits


@functools.cache
def _headers() -> Any:
    """The wire repeats `jti` and `sub` in the header, which the library would refuse by default."""
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=["HS256"], strict_check_header=False)


def mint(
    secret: str,
    claims: Mapping[str, Any],
    *,
    issuer: str,
    audience: str,
    lifetime: int,
    identifier: str,
    now: float | None = None,
) -> str:
    """A token valid from five minutes ago for `lifetime` seconds.

    `identifier` is the `jti` (see `user_server_identifier`); a random 16-character `unique_id` makes each token
    usable once where the node asks for that. Source: Panel 1.11, tokens of all daemon doors.
    """
    from joserfc import jwt
    from joserfc.jwk import OctKey

    issued = int(time.time() if now is None else now)
    body: Claims = {
        "iss": issuer,
        "aud": [audience],
        "jti": identifier,
        "iat": issued,
        "nbf": issued - 300,
        "exp": issued + lifetime,
        **claims,
    }
    body.setdefault("unique_id", "".join(secrets.choice(_ALPHABET) for _ in range(16)))
    header = {"typ": "JWT", "alg": "HS256", "jti": identifier}
    if "sub" in body:
        header["sub"] = body["sub"]
    return jwt.encode(header, body, OctKey.import_key(secret), registry=_headers())


def verify(secret: str, token: str, *, now: float | None = None) -> Claims:
    """The claims of a token that is signed with `secret` and has not expired.

    Issuer, audience and "not before" are not looked at, because nodes never did and clocks differ.

    Raises:
        Denied: the signature, the form or the time is wrong; the sentence says which.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import OctKey

    try:
        claims: Claims = jwt.decode(token, OctKey.import_key(secret), registry=_headers()).claims
    except (JoseError, ValueError, TypeError) as err:
        raise Denied("The token is not one of ours.") from err
    at = time.time() if now is None else now
    expires = claims.get("exp")
    if isinstance(expires, int | float) and at > expires:
        raise Denied("The token has expired.")
    return claims


def user_server_identifier(user_id: int, server_uuid: str) -> str:
    """The `jti` under which a user's tokens for a server can be revoked: md5 hex of both, run together."""
    return hashlib.md5(f"{user_id}{server_uuid}".encode(), usedforsecurity=False).hexdigest()


def same_secret(one: str, other: str) -> bool:
    """Whether two secrets are equal, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
